package main

import (
	"bytes"
	"net"
	"time"
	_ "unsafe" // what follows is not exported

	"github.com/hashicorp/memberlist"
)

//go:linkname ingestPacket github.com/hashicorp/memberlist.(*Memberlist).ingestPacket
func ingestPacket(m *memberlist.Memberlist, buf []byte, from net.Addr, timestamp time.Time)

//go:linkname handleAlive github.com/hashicorp/memberlist.(*Memberlist).handleAlive
func handleAlive(m *memberlist.Memberlist, buf []byte, from net.Addr)

//go:linkname gossip github.com/hashicorp/memberlist.(*Memberlist).gossip
func gossip(m *memberlist.Memberlist)

//go:linkname pushPullNode github.com/hashicorp/memberlist.(*Memberlist).pushPullNode
func pushPullNode(m *memberlist.Memberlist, a memberlist.Address, join bool) error

//go:linkname decodeCompoundMessage github.com/hashicorp/memberlist.decodeCompoundMessage
func decodeCompoundMessage(buf []byte) (trunc int, parts [][]byte, err error)

//go:linkname encryptPayload github.com/hashicorp/memberlist.encryptPayload
func encryptPayload(vsn uint8, key []byte, msg []byte, data []byte, dst *bytes.Buffer) error

//go:linkname decryptPayload github.com/hashicorp/memberlist.decryptPayload
func decryptPayload(keys [][]byte, msg []byte, data []byte) ([]byte, error)
