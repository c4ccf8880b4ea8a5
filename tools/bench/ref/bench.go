// SPDX-License-Identifier: GPL-2.0

// Go's own maps and channels, measured as kmod/bench measures ours: the same
// keys, the same operations in the same order, the median of rounds of which
// the first is a rehearsal. A result is a line "suite subject n op value".
//
//	go ROUNDS LARGEST-MAP
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"time"
)

// Keys are those of the module.
const seed = 0x676f6d6170

// mix is a bijection: different numbers, different keys (splitmix64).
func mix(x uint64) uint64 {
	x = (x + seed) * 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// results has nanoseconds per operation, one for each round.
type results map[string][]float64

// add keeps the time since start, unless this is the rehearsal.
func (r results) add(op string, round int, start time.Time, ops int) {
	spent := float64(time.Since(start).Nanoseconds())
	if round > 0 {
		r[op] = append(r[op], spent/float64(ops))
	}
}

func (r results) print(suite string, n int) {
	var ops []string
	for op := range r {
		ops = append(ops, op)
	}
	sort.Strings(ops)
	for _, op := range ops {
		values := r[op]
		sort.Float64s(values)
		fmt.Printf("%s\tgo\t%d\t%s\t%.2f\n", suite, n, op,
			values[len(values)/2])
	}
}

// check dies of a wrong result, which would make the figures meaningless.
func check(good bool, what string) {
	if !good {
		fmt.Fprintln(os.Stderr, "go:", what, "gave a wrong result")
		os.Exit(1)
	}
}

func number(arg int) int {
	if len(os.Args) <= arg {
		fmt.Fprintln(os.Stderr, "usage: go ROUNDS LARGEST-MAP")
		os.Exit(2)
	}
	n, err := strconv.Atoi(os.Args[arg])
	if err != nil {
		fmt.Fprintln(os.Stderr, "go:", err)
		os.Exit(2)
	}
	return n
}

func main() {
	rounds, largest := number(1), number(2)
	// One processor, as User Mode Linux has.
	runtime.GOMAXPROCS(1)
	benchChans(rounds)
	for _, n := range []int{8, 64, 1000, 100000, 1000000, 4000000} {
		if n <= largest {
			benchMaps(n, rounds)
		}
	}
}
