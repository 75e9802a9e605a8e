package main

import (
	"fmt"
	"io"
	"sort"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"
)

// member is one of a cluster on the loopback, with the defaults for local networks.
type member struct {
	serf       *serf.Serf
	memberlist *memberlist.Memberlist
	heard      chan heard
}

// heard is the payload of a user event, and when it came.
type heard struct {
	payload string
	at      time.Time
}

// described gives a node of memberlist alone its tags.
type described struct{}

func (described) NodeMeta(int) []byte             { return meta(1) }
func (described) NotifyMsg([]byte)                {}
func (described) LocalState(bool) []byte          { return nil }
func (described) MergeRemoteState([]byte, bool)   {}
func (described) GetBroadcasts(_, _ int) [][]byte { return nil }

func start(at int) *member {
	m := &member{heard: make(chan heard, 512)}
	config := memberlist.DefaultLANConfig()
	config.Name, config.BindAddr, config.BindPort = name(at), "127.0.0.1", 0
	config.LogOutput = io.Discard
	if !isSerf {
		config.Delegate = described{}
		var err error
		m.memberlist, err = memberlist.Create(config)
		check(err)
		return m
	}
	events := make(chan serf.Event, 512)
	serfs := serf.DefaultConfig()
	serfs.NodeName, serfs.LogOutput, serfs.MemberlistConfig = config.Name, io.Discard, config
	serfs.EventCh = events
	serfs.Tags = map[string]string{"role": strings.Repeat("x", 54)}
	var err error
	m.serf, err = serf.Create(serfs)
	check(err)
	m.memberlist = m.serf.Memberlist()
	go func() {
		for event := range events {
			switch event := event.(type) {
			case serf.UserEvent:
				select {
				case m.heard <- heard{string(event.Payload), time.Now()}:
				default:
				}
			case *serf.Query:
				event.Respond([]byte("here"))
			}
		}
	}()
	return m
}

// gather starts so many and joins each to the first, one after another, and waits until all see all.
func gather(count int) ([]*member, time.Duration) {
	begin := time.Now()
	var members []*member
	for at := 0; at < count; at++ {
		members = append(members, start(at))
		if at > 0 {
			first := members[0].memberlist.LocalNode().FullAddress().Addr
			if isSerf {
				_, err := members[at].serf.Join([]string{first}, false)
				check(err)
			} else {
				_, err := members[at].memberlist.Join([]string{first})
				check(err)
			}
		}
	}
	for {
		all := true
		for _, m := range members {
			all = all && m.memberlist.NumMembers() == count
		}
		if all {
			return members, time.Since(begin)
		}
		if time.Since(begin) > 90*time.Second {
			return nil, 0
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func cluster(count int) {
	parameters := fmt.Sprintf("n=%d", count)
	before := resident()
	members, took := gather(count)
	if members == nil {
		for _, work := range []string{"all-see-all", "idle", "event"} {
			fmt.Printf("%s\t%s\tmissing\tnot all saw all within 90 s\n", work, parameters)
		}
		return
	}
	say("all-see-all", parameters, "ms", float64(took.Milliseconds()))
	time.Sleep(15 * time.Second)
	idle(parameters, count, before)
	if isSerf && count == 100 {
		events(members, parameters)
	}
}

func idle(parameters string, count int, before float64) {
	switched, start := switches(), worked()
	time.Sleep(30 * time.Second)
	nodes := float64(count)
	say("idle", parameters, "cpu-s/node/min", (worked()-start).Seconds()*2/nodes)
	say("idle", parameters, "switches/node/s", (switches()-switched)/30/nodes)
	say("idle", parameters, "rss-kB/node", (resident()-before)/nodes)
}

// events tells how long it takes until half of the nodes, and until all, have heard of an event.
func events(members []*member, parameters string) {
	var halves, alls []float64
	for round := 0; round < 15; round++ {
		text := fmt.Sprint("round ", round)
		var times []float64
		begin := time.Now()
		check(members[round].serf.UserEvent("deploy", []byte(text), false))
		for _, m := range members {
			item := heard{at: begin.Add(10 * time.Second)}
			select {
			case item = <-m.heard:
			case <-time.After(10 * time.Second):
			}
			times = append(times, float64(item.at.Sub(begin).Microseconds())/1000)
		}
		halves = append(halves, median(times))
		alls = append(alls, times[len(times)-1])
		time.Sleep(time.Second)
	}
	say("event", parameters, "ms-median-node", median(halves))
	say("event", parameters, "ms-all", median(alls))
}

func median(values []float64) float64 {
	sort.Float64s(values)
	return values[len(values)/2]
}

// query tells how long the caller waits until it knows that there are no more responses.
func query() {
	members, _ := gather(3)
	time.Sleep(time.Second)
	var times []float64
	for round := 0; round < 7; round++ {
		begin := time.Now()
		response, err := members[0].serf.Query("status", nil, nil)
		check(err)
		count := 0
		for range response.ResponseCh() {
			count++
		}
		if count != 3 {
			fmt.Printf("query-3\tn=3\tincomplete\t%d\n", count)
		}
		times = append(times, float64(time.Since(begin).Microseconds())/1000)
	}
	say("query-3", "n=3", "ms", median(times))
}

// rate tells how many of the events that one of ten nodes sends in six seconds the others hear.
func rate() {
	for _, perSecond := range []int{100, 400, 1000, 2000} {
		members, _ := gather(10)
		var heard int64
		for _, m := range members[1:] {
			go func(m *member) {
				for range m.heard {
					atomic.AddInt64(&heard, 1)
				}
			}(m)
		}
		refused, begin := 0, time.Now()
		total := 6 * perSecond
		for sent := 0; sent < total; sent++ {
			due := begin.Add(time.Second * time.Duration(sent) / time.Duration(perSecond))
			time.Sleep(time.Until(due))
			payload := fmt.Sprintf("%064d", sent)
			if members[0].serf.UserEvent("deploy", []byte(payload), false) != nil {
				refused++
			}
		}
		for last, quiet := int64(-1), 0; quiet < 3; quiet++ {
			time.Sleep(time.Second)
			if now := atomic.LoadInt64(&heard); now != last {
				last, quiet = now, -1
			}
			if time.Since(begin) > 31*time.Second {
				break
			}
		}
		parameters := fmt.Sprintf("n=10 rate=%d", perSecond)
		say("rate", parameters, "delivered-%", 100*float64(atomic.LoadInt64(&heard))/float64(9*total))
		say("rate", parameters, "refused-%", 100*float64(refused)/float64(total))
		for _, m := range members {
			m.serf.Shutdown()
		}
	}
}
