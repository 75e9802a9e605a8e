package main

import (
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	batches = 21
	batch   = 10 * time.Millisecond
	longest = 6 * time.Second
)

type meter struct {
	time                    time.Duration
	operations, allocations uint64
}

// worked tells how long the processor has worked for this process, the garbage collector included.
func worked() time.Duration {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func mallocs() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.Mallocs
}

func (m *meter) count(operations int, work func()) {
	before, start := mallocs(), worked()
	work()
	m.time += worked() - start
	m.allocations += mallocs() - before
	m.operations += uint64(operations)
}

// measure does what `micro::measure` does.
func measure(work, parameters string, round func(*meter)) {
	one := func() meter {
		var m meter
		for m.time < batch {
			round(&m)
		}
		return m
	}
	one()
	start := worked()
	var times []float64
	var operations, allocations uint64
	for len(times) < batches && (len(times) < 5 || worked()-start < longest) {
		m := one()
		times = append(times, float64(m.time.Nanoseconds())/float64(m.operations))
		operations += m.operations
		allocations += m.allocations
	}
	sort.Float64s(times)
	say(work, parameters, "ns", times[len(times)/2])
	say(work, parameters, "ns-min", times[0])
	say(work, parameters, "allocs", float64(allocations)/float64(operations))
}

func status(path, key string) float64 {
	text, _ := os.ReadFile(path)
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, key+":") {
			value, _ := strconv.ParseFloat(strings.Fields(line)[1], 64)
			return value
		}
	}
	return 0
}

// resident tells how much memory is resident, in kB.
func resident() float64 {
	return status("/proc/self/status", "VmRSS")
}

// switches tells how often the threads have given up the processor.
func switches() float64 {
	paths, _ := filepath.Glob("/proc/self/task/*/status")
	var sum float64
	for _, path := range paths {
		sum += status(path, "voluntary_ctxt_switches") + status(path, "nonvoluntary_ctxt_switches")
	}
	return sum
}
