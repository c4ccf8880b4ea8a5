// SPDX-License-Identifier: GPL-2.0

package main

import "time"

// Operations of each kind in a round, as in the module.
const chanOps = 131072

// Room of what one goroutine fills and empties.
const chanCap = 16

func sendRecv8() {
	ch := make(chan uint64, chanCap)
	for i := uint64(0); i < chanOps; i++ {
		ch <- i
		check(<-ch == i, "send_recv")
	}
}

func sendRecv64() {
	var msg [8]uint64
	ch := make(chan [8]uint64, chanCap)
	for i := uint64(0); i < chanOps; i++ {
		msg[0] = i
		ch <- msg
		got := <-ch
		check(got[0] == i, "send_recv")
	}
}

func sendRecv1024() {
	var msg [128]uint64
	ch := make(chan [128]uint64, chanCap)
	for i := uint64(0); i < chanOps; i++ {
		msg[0] = i
		ch <- msg
		got := <-ch
		check(got[0] == i, "send_recv")
	}
}

func stream(capacity int) {
	ch := make(chan uint64, capacity)
	go func() {
		for i := uint64(0); i < chanOps; i++ {
			ch <- i
		}
	}()
	for i := uint64(0); i < chanOps; i++ {
		check(<-ch == i, "stream")
	}
}

// ask sends to one channel after the other, for who answers all of them.
func ask(to []chan uint64, back chan uint64) {
	for i := uint64(0); i < chanOps; i++ {
		to[i%uint64(len(to))] <- i
		check(<-back == i, "a round trip")
	}
}

func channels(n, capacity int) []chan uint64 {
	ch := make([]chan uint64, n)
	for i := range ch {
		ch[i] = make(chan uint64, capacity)
	}
	return ch
}

func roundTrip() {
	to, back := channels(1, 0), make(chan uint64)
	go func() {
		for i := 0; i < chanOps; i++ {
			back <- <-to[0]
		}
	}()
	ask(to, back)
}

func recvOf2(c []chan uint64) (v uint64) {
	select {
	case v = <-c[0]:
	case v = <-c[1]:
	}
	return
}

func recvOf8(c []chan uint64) (v uint64) {
	select {
	case v = <-c[0]:
	case v = <-c[1]:
	case v = <-c[2]:
	case v = <-c[3]:
	case v = <-c[4]:
	case v = <-c[5]:
	case v = <-c[6]:
	case v = <-c[7]:
	}
	return
}

func recvOf(c []chan uint64) uint64 {
	if len(c) == 2 {
		return recvOf2(c)
	}
	return recvOf8(c)
}

func sendSelect(n int) {
	c := channels(n, 1)
	for i := uint64(0); i < chanOps; i++ {
		c[i%uint64(n)] <- i
		check(recvOf(c) == i, "send_select")
	}
}

func selectBlocked(n int) {
	to, back := channels(n, 0), make(chan uint64)
	go func() {
		for i := 0; i < chanOps; i++ {
			back <- recvOf(to)
		}
	}()
	ask(to, back)
}

func benchChans(rounds int) {
	exchanges := []struct {
		op  string
		n   int
		run func()
	}{
		{"send_recv", 8, sendRecv8},
		{"send_recv", 64, sendRecv64},
		{"send_recv", 1024, sendRecv1024},
		{"stream", 1, func() { stream(1) }},
		{"stream", 64, func() { stream(64) }},
		{"stream", 1024, func() { stream(1024) }},
		{"round_trip", 0, roundTrip},
		{"send_select", 2, func() { sendSelect(2) }},
		{"send_select", 8, func() { sendSelect(8) }},
		{"select_blocked", 2, func() { selectBlocked(2) }},
		{"select_blocked", 8, func() { selectBlocked(8) }},
	}
	sizes := map[int]results{}
	for round := 0; round <= rounds; round++ {
		for _, e := range exchanges {
			if sizes[e.n] == nil {
				sizes[e.n] = results{}
			}
			start := time.Now()
			e.run()
			sizes[e.n].add(e.op, round, start, chanOps)
		}
	}
	for _, n := range []int{0, 1, 2, 8, 64, 1024} {
		sizes[n].print("chan", n)
	}
}
