package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"runtime"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"
)

// null sends nothing anywhere, and counts it.
type null struct {
	packets chan *memberlist.Packet
	streams chan net.Conn
	sent    int
}

func (*null) FinalAdvertiseAddr(string, int) (net.IP, int, error) { return ip(0), 7946, nil }
func (n *null) WriteTo(b []byte, _ string) (time.Time, error)     { n.sent++; return time.Now(), nil }
func (n *null) PacketCh() <-chan *memberlist.Packet               { return n.packets }
func (n *null) StreamCh() <-chan net.Conn                         { return n.streams }
func (*null) Shutdown() error                                     { return nil }
func (*null) DialTimeout(string, time.Duration) (net.Conn, error) {
	return nil, fmt.Errorf("there is no network")
}

// quiet is memberlist's configuration for local networks, without anything that happens by itself.
func quiet(name string) *memberlist.Config {
	config := memberlist.DefaultLANConfig()
	config.Name = name
	config.ProbeInterval, config.GossipInterval, config.PushPullInterval = 0, 0, 0
	config.LogOutput = io.Discard
	config.EnableCompression = false
	// What serf says, and so do the members that exist only as packets.
	config.DelegateProtocolMin, config.DelegateProtocolMax, config.DelegateProtocolVersion = 2, 5, 4
	return config
}

// node is one on this configuration: memberlist's, or serf's with its memberlist.
func node(config *memberlist.Config, members int) *memberlist.Memberlist {
	var m *memberlist.Memberlist
	if isSerf {
		serfs := serf.DefaultConfig()
		serfs.NodeName = config.Name
		serfs.MemberlistConfig = config
		serfs.LogOutput = io.Discard
		s, err := serf.Create(serfs)
		check(err)
		m = s.Memberlist()
	} else {
		var err error
		m, err = memberlist.Create(config)
		check(err)
	}
	for member := 1; member < members; member++ {
		handleAlive(m, alive(member, incarnation)[1:], sender)
	}
	if m.NumMembers() != members {
		panic(fmt.Sprint(m.NumMembers(), " members"))
	}
	return m
}

func alone(members int, change func(*memberlist.Config)) (*memberlist.Memberlist, *null) {
	runtime.GOMAXPROCS(1)
	transport := &null{packets: make(chan *memberlist.Packet), streams: make(chan net.Conn)}
	config := quiet(name(0))
	config.Transport = transport
	change(config)
	return node(config, members), transport
}

func plain(*memberlist.Config) {}

const block = 64

func pingAck() {
	for _, lzw := range []bool{false, true} {
		parameters := "n=1000"
		if lzw {
			parameters = "n=1000 lzw"
		}
		m, transport := alone(1000, func(config *memberlist.Config) { config.EnableCompression = lzw })
		measure("ping-ack", parameters, func(meter *meter) {
			sent := transport.sent
			meter.count(block, func() {
				for at := 0; at < block; at++ {
					ingestPacket(m, ping(123456), sender, time.Time{})
				}
			})
			if transport.sent != sent+block {
				panic("not each is acked")
			}
		})
		m.Shutdown()
	}
}

func knownAlives() {
	m, _ := alone(1000, plain)
	order := order{others: 999}
	measure("known-8", "n=1000", func(meter *meter) {
		var packets [][]byte
		for at := 0; at < block; at++ {
			var messages [][]byte
			for len(messages) < 8 {
				messages = append(messages, alive(order.next(), incarnation))
			}
			packets = append(packets, compound(messages))
		}
		meter.count(block, func() {
			for _, packet := range packets {
				_, parts, err := decodeCompoundMessage(packet[1:])
				check(err)
				for _, part := range parts {
					handleAlive(m, part[1:], sender)
				}
			}
		})
	})
	m.Shutdown()
}

func freshAlive() {
	for _, members := range []int{1000, 10000, 100000} {
		m, _ := alone(members, plain)
		order, newest, turn := order{others: members - 1}, uint32(incarnation), 0
		measure("fresh", fmt.Sprintf("n=%d", members), func(meter *meter) {
			var messages [][]byte
			for at := 0; at < 500; at++ {
				if turn%(members-1) == 0 {
					newest++
				}
				turn++
				messages = append(messages, alive(order.next(), newest)[1:])
			}
			meter.count(len(messages), func() {
				for _, message := range messages {
					handleAlive(m, message, sender)
				}
			})
		})
		m.Shutdown()
	}
}

func gossipTick() {
	for _, members := range []int{1001, 100000} {
		m, transport := alone(members, plain)
		newest := uint32(incarnation)
		parameters := "n=100000"
		if members == 1001 {
			parameters = "n=1000"
		}
		measure("gossip-1000", parameters, func(meter *meter) {
			newest++
			for member := 1; member <= 1000; member++ {
				handleAlive(m, alive(member, newest)[1:], sender)
			}
			for tick := 0; tick < 20; tick++ {
				sent := transport.sent
				meter.count(1, func() { gossip(m) })
				if transport.sent != sent+3 {
					panic("not three packets are sent")
				}
			}
		})
		m.Shutdown()
	}
}

func pushPull() {
	runtime.GOMAXPROCS(1)
	for _, sealed := range []bool{false, true} {
		parameters := "n=10000 plain"
		if sealed {
			parameters = "n=10000 lzw+aes256"
		}
		var ends [2]*memberlist.Memberlist
		for at := range ends {
			config := quiet([]string{"dials", "is-dialed"}[at])
			config.BindAddr, config.BindPort = "127.0.0.1", 0
			if sealed {
				config.EnableCompression = true
				config.SecretKey = bytes.Repeat([]byte{7}, 32)
			}
			ends[at] = node(config, 10000)
		}
		to := ends[1].LocalNode().FullAddress()
		measure("push-pull", parameters, func(meter *meter) {
			meter.count(1, func() { check(pushPullNode(ends[0], to, false)) })
		})
	}
}

func aead() {
	runtime.GOMAXPROCS(1)
	text := bytes.Repeat([]byte{5}, 1400)
	for _, bits := range []int{128, 256} {
		key := bytes.Repeat([]byte{7}, bits/8)
		parameters := fmt.Sprintf("aes=%d", bits)
		measure("seal-1400", parameters, func(meter *meter) {
			meter.count(500, func() {
				for at := 0; at < 500; at++ {
					var out bytes.Buffer
					check(encryptPayload(1, key, text, nil, &out))
				}
			})
		})
		var out bytes.Buffer
		check(encryptPayload(1, key, text, nil, &out))
		measure("open-1400", parameters, func(meter *meter) {
			copied := make([]byte, out.Len())
			meter.count(500, func() {
				for at := 0; at < 500; at++ {
					copy(copied, out.Bytes())
					_, err := decryptPayload([][]byte{key}, copied, nil)
					check(err)
				}
			})
		})
	}
}

func heap() {
	live := func() float64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return float64(stats.HeapAlloc)
	}
	for _, members := range []int{1000, 10000, 100000} {
		before := live()
		m, transport := alone(members, plain)
		// What is queued to be passed on is no member's: it goes as it is sent.
		for sent := -1; sent != transport.sent; {
			sent = transport.sent
			gossip(m)
		}
		say("heap", fmt.Sprintf("n=%d", members), "bytes", (live()-before)/float64(members))
		runtime.KeepAlive(m)
		m.Shutdown()
	}
}
