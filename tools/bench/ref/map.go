// SPDX-License-Identifier: GPL-2.0

package main

import (
	"runtime"
	"time"
)

// As in the module: distinct lookups, and lookups in all.
const (
	minProbes  = 16384
	maxProbes  = 1000000
	minLookups = 131072
)

// Of so many operations of the mixed load these are overwrites, one is a removal
// with an insertion after it, and the others are lookups.
const (
	mixAll    = 100
	mixWrites = 9
)

type keys struct {
	insert, remove, hit, miss []uint64
}

func shuffle(k []uint64, seed uint64) {
	for i := uint64(len(k)); i > 1; i-- {
		j := mix(seed+i) % i
		k[i-1], k[j] = k[j], k[i-1]
	}
}

func makeKeys(n int) (k keys) {
	for i := 0; i < n; i++ {
		k.insert = append(k.insert, mix(uint64(i)))
	}
	k.remove = append(k.remove, k.insert...)
	shuffle(k.remove, 1<<40)
	probes := n
	if probes < minProbes {
		probes = minProbes
	} else if probes > maxProbes {
		probes = maxProbes
	}
	for len(k.hit) < probes {
		shuffle(k.remove, 2<<40+uint64(len(k.hit)))
		k.hit = append(k.hit, k.remove...)
	}
	k.hit = k.hit[:probes]
	for i := 0; i < probes; i++ {
		k.miss = append(k.miss, mix(1<<32+uint64(i)))
	}
	shuffle(k.miss, 3<<40)
	return k
}

func sum(k []uint64) (s uint64) {
	for _, key := range k {
		s += key
	}
	return s
}

func look(m map[uint64]uint64, k []uint64) (found int, sum uint64) {
	for _, key := range k {
		if v, ok := m[key]; ok {
			found++
			sum += v
		}
	}
	return found, sum
}

func mixed(m map[uint64]uint64, k []uint64) (found int) {
	for len(k) >= mixAll {
		gets := mixAll - mixWrites - 1
		n, _ := look(m, k[:gets])
		found += n
		for _, key := range k[gets : mixAll-1] {
			m[key] = ^key
		}
		delete(m, k[mixAll-1])
		m[k[mixAll-1]] = k[mixAll-1]
		k = k[mixAll:]
	}
	return found
}

// repeat runs f over and over until there are enough operations.
func (r results) repeat(op string, round, ops int, f func()) {
	passes := minLookups / ops
	if passes < 1 {
		passes = 1
	}
	start := time.Now()
	for i := 0; i < passes; i++ {
		f()
	}
	r.add(op, round, start, passes*ops)
}

func (r results) lookups(m map[uint64]uint64, k *keys, round int) {
	probes, want, all := len(k.hit), sum(k.hit), sum(k.insert)
	r.repeat("hit", round, probes, func() {
		found, sum := look(m, k.hit)
		check(found == probes && sum == want, "hit")
	})
	r.repeat("miss", round, probes, func() {
		found, _ := look(m, k.miss)
		check(found == 0, "miss")
	})
	r.repeat("iterate", round, len(m), func() {
		var got uint64
		for key, v := range m {
			got += key + v
		}
		check(got == 2*all, "iterate")
	})
	r.repeat("overwrite", round, probes, func() {
		for _, key := range k.hit {
			m[key] = ^key
		}
	})
	mixOps := probes / mixAll * mixAll
	r.repeat("mixed", round, mixOps, func() {
		found := mixed(m, k.hit)
		check(found == mixOps/mixAll*(mixAll-mixWrites-1), "mixed")
	})
}

// fill times the growth of maps, hint 0, or the filling of large enough ones.
func (r results) fill(op string, round, hint int, k *keys) []map[uint64]uint64 {
	nr := minProbes / len(k.insert)
	if nr < 1 {
		nr = 1
	}
	maps := make([]map[uint64]uint64, nr)
	for i := range maps {
		maps[i] = make(map[uint64]uint64, hint)
	}
	start := time.Now()
	for _, m := range maps {
		for _, key := range k.insert {
			m[key] = key
		}
	}
	r.add(op, round, start, nr*len(k.insert))
	return maps
}

func benchMaps(n, rounds int) {
	k := makeKeys(n)
	r := results{}
	for round := 0; round <= rounds; round++ {
		// What the round before has left is not for this one to clean.
		runtime.GC()
		maps := r.fill("insert", round, 0, &k)
		r.lookups(maps[0], &k, round)
		start := time.Now()
		for _, m := range maps {
			for _, key := range k.remove {
				delete(m, key)
			}
		}
		r.add("delete", round, start, len(maps)*n)
		check(len(maps[0]) == 0, "delete")
		maps = nil
		runtime.GC()
		r.fill("insert_reserved", round, n, &k)
	}
	r.print("map", n)
}
