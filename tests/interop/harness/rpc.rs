//! An agent's RPC, for what its command does not print.
//!
//! A call is two MessagePack values, a header and perhaps a body, and so is the answer. A
//! connection handles one call after another.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rmpv::Value;
use rmpv::decode::read_value;
use rmpv::encode::write_value;
use serfer_tokio::Coordinate;

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(20);

pub(crate) struct Rpc {
    stream: BufReader<TcpStream>,
    seq: u64,
}

impl Rpc {
    /// Connects to an agent whose RPC is at this address.
    ///
    /// # Panics
    /// If the agent refuses.
    #[track_caller]
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).expect("an agent listens there");
        stream.set_read_timeout(Some(ANSWER_MAX)).expect("a time that is not zero");
        let mut rpc = Self { stream: BufReader::new(stream), seq: 0 };
        rpc.call("handshake", &[("Version", 1.into())]);
        rpc
    }

    /// The coordinate that the agent has of a member.
    #[track_caller]
    pub(crate) fn coordinate(&mut self, node: &str) -> Option<Coordinate> {
        self.call("get-coordinate", &[("Node", node.into())]);
        let answer = self.read();
        if !field(&answer, "Ok").as_bool().expect("it says whether it knows") {
            return None;
        }
        let coordinate = field(&answer, "Coord");
        let number = |key| field(coordinate, key).as_f64().expect("a number");
        let vec = field(coordinate, "Vec").as_array().expect("a list");
        let vec: Vec<f64> = vec.iter().map(|at| at.as_f64().expect("a number")).collect();
        Some(Coordinate {
            vec: vec.try_into().expect("eight dimensions"),
            error: number("Error"),
            adjustment: number("Adjustment"),
            height: number("Height"),
        })
    }

    /// Calls, and reads the header of the answer. A body remains to be read.
    ///
    /// # Panics
    /// If the agent returns an error.
    #[track_caller]
    fn call(&mut self, command: &str, body: &[(&str, Value)]) {
        self.seq += 1;
        let header = [("Command", command.into()), ("Seq", self.seq.into())];
        let mut bytes = Vec::new();
        for fields in [&header[..], body].into_iter().filter(|fields| !fields.is_empty()) {
            let fields = fields.iter().map(|(key, value)| ((*key).into(), value.clone()));
            write_value(&mut bytes, &Value::Map(fields.collect())).expect("a Vec takes it");
        }
        self.stream.get_mut().write_all(&bytes).expect("the agent reads");
        let answer = self.read();
        assert_eq!(field(&answer, "Error").as_str(), Some(""), "{command}");
        assert_eq!(field(&answer, "Seq").as_u64(), Some(self.seq), "{command}");
    }

    #[track_caller]
    fn read(&mut self) -> Value {
        read_value(&mut self.stream).expect("the agent answers")
    }
}

/// The value of a key of a map.
#[track_caller]
fn field<'a>(map: &'a Value, key: &str) -> &'a Value {
    let fields = map.as_map().expect("a map");
    let found = fields.iter().find(|(name, _)| name.as_str() == Some(key));
    &found.unwrap_or_else(|| panic!("no {key} in {map}")).1
}
