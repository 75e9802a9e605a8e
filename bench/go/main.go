// What the Go systems take: `bench-go memberlist|serf [WORK...]`. It is built against Debian's packages:
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go build
//
// The lines of output are those of the other programs: see ../common/src/lib.rs.
package main

import (
	"fmt"
	"os"
)

type work struct {
	name string
	run  func()
}

var works = map[string][]work{
	"memberlist": {
		{"ping-ack", pingAck}, {"known-8", knownAlives}, {"fresh", freshAlive}, {"gossip-1000", gossipTick},
		{"push-pull", pushPull}, {"aead", aead}, {"heap", heap},
		{"cluster-100", func() { cluster(100) }}, {"cluster-200", func() { cluster(200) }},
	},
	"serf": {
		{"push-pull", pushPull}, {"heap", heap},
		{"cluster-100", func() { cluster(100) }}, {"cluster-200", func() { cluster(200) }},
		{"query-3", query}, {"rate", rate},
	},
}

// isSerf is whether the nodes are serf's, not only memberlist's.
var isSerf bool

func main() {
	if len(os.Args) < 2 || works[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: bench-go memberlist|serf [WORK...]")
		os.Exit(2)
	}
	isSerf = os.Args[1] == "serf"
	for _, work := range works[os.Args[1]] {
		wanted := len(os.Args) == 2
		for _, name := range os.Args[2:] {
			wanted = wanted || name == work.name
		}
		if wanted {
			work.run()
		}
	}
}

func say(work, parameters, metric string, value float64) {
	fmt.Printf("%s\t%s\t%s\t%v\n", work, parameters, metric, value)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
