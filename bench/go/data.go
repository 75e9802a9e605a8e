package main

import (
	"encoding/binary"
	"fmt"
	"net"
)

// The same bytes as those of ../common/src/data.rs.

const incarnation = 1000

func name(member int) string { return fmt.Sprintf("node-%06d", member) }

func ip(member int) []byte { return []byte{10, byte(member >> 16), byte(member >> 8), byte(member)} }

func meta(member int) []byte {
	meta := append(make([]byte, 0, 64), "\xff\x81\xa4role\xda\x00\x36"...)
	number := uint64(member)
	for len(meta) < 64 {
		number = number*6364136223846793005 + 1
		meta = append(meta, "0123456789abcdefghijklmnopqrstuv"[number>>59])
	}
	return meta
}

func ping(seq uint32) []byte {
	out := []byte{0, 0x85}
	out = raw(raw(out, []byte("Node")), []byte(name(0)))
	out = int32be(raw(out, []byte("SeqNo")), seq)
	out = raw(raw(out, []byte("SourceAddr")), ip(1))
	out = raw(raw(out, []byte("SourceNode")), []byte(name(1)))
	return int16be(raw(out, []byte("SourcePort")), 7946)
}

func alive(member int, incarnation uint32) []byte {
	out := []byte{4, 0x86}
	out = raw(raw(out, []byte("Addr")), ip(member))
	out = raw(out, []byte("Incarnation"))
	if incarnation < 1<<16 {
		out = int16be(out, uint16(incarnation))
	} else {
		out = int32be(out, incarnation)
	}
	out = raw(raw(out, []byte("Meta")), meta(member))
	out = raw(raw(out, []byte("Node")), []byte(name(member)))
	out = int16be(raw(out, []byte("Port")), 7946)
	return raw(raw(out, []byte("Vsn")), []byte{1, 5, 2, 2, 5, 4})
}

func compound(messages [][]byte) []byte {
	out := []byte{7, byte(len(messages))}
	for _, message := range messages {
		out = binary.BigEndian.AppendUint16(out, uint16(len(message)))
	}
	for _, message := range messages {
		out = append(out, message...)
	}
	return out
}

func raw(out, bytes []byte) []byte {
	if len(bytes) < 32 {
		out = append(out, 0xa0|byte(len(bytes)))
	} else {
		out = binary.BigEndian.AppendUint16(append(out, 0xda), uint16(len(bytes)))
	}
	return append(out, bytes...)
}

func int16be(out []byte, number uint16) []byte {
	return binary.BigEndian.AppendUint16(append(out, 0xcd), number)
}

func int32be(out []byte, number uint32) []byte {
	return binary.BigEndian.AppendUint32(append(out, 0xce), number)
}

// order goes through the members 1 to count in an order that jumps through memory.
type order struct{ others, turn int }

func (o *order) next() int {
	o.turn++
	return 1 + o.turn*61813%o.others
}

var sender = &net.UDPAddr{IP: ip(1), Port: 7946}
