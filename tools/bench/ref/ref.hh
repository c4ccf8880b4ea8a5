// SPDX-License-Identifier: GPL-2.0
/*
 * What references in C++ share: the module's keys, and the median of rounds of
 * which the first is a rehearsal. A result is a line "suite subject n op value".
 */

#ifndef BENCH_REF_HH
#define BENCH_REF_HH

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

using std::size_t;
using words = std::vector<uint64_t>;
using watch = std::chrono::steady_clock;

/* Keys are those of the module. */
static const uint64_t seed = 0x676f6d6170;

/* As in the module: distinct lookups, and lookups in all. */
static const size_t min_probes = 16384;
static const size_t max_probes = 1000000;
static const size_t min_lookups = 131072;

/* A bijection: different numbers, different keys (splitmix64). */
static inline uint64_t mix(uint64_t x)
{
	x = (x + seed) * 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

static inline void shuffle(words &k, uint64_t from)
{
	for (size_t i = k.size(); i > 1; i--)
		std::swap(k[i - 1], k[mix(from + i) % i]);
}

struct keys {
	words insert, remove, hit, miss;

	explicit keys(size_t n)
	{
		size_t probes = std::clamp(n, min_probes, max_probes);

		for (size_t i = 0; i < n; i++)
			insert.push_back(mix(i));
		remove = insert;
		shuffle(remove, 1ULL << 40);
		while (hit.size() < probes) {
			shuffle(remove, (2ULL << 40) + hit.size());
			hit.insert(hit.end(), remove.begin(), remove.end());
		}
		hit.resize(probes);
		for (size_t i = 0; i < probes; i++)
			miss.push_back(mix((1ULL << 32) + i));
		shuffle(miss, 3ULL << 40);
	}
};

/* A wrong result would make the figures meaningless. */
static inline void check(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s gave a wrong result\n", what);
	exit(1);
}

/* Nanoseconds per operation by the name of the operation, a value a round. */
class results {
public:
	void add(const char *op, unsigned int round, watch::time_point start,
		 size_t ops)
	{
		std::chrono::duration<double, std::nano> spent =
			watch::now() - start;

		if (round)
			values[op].push_back(spent.count() / ops);
	}

	/* Over and over until there are enough operations. */
	template <typename F>
	void repeat(const char *op, unsigned int round, size_t ops, F f)
	{
		size_t passes = std::max(min_lookups / ops, size_t(1));
		auto start = watch::now();

		for (size_t i = 0; i < passes; i++)
			f();
		add(op, round, start, passes * ops);
	}

	void print(const char *subject, size_t n)
	{
		for (auto &[op, v] : values) {
			std::sort(v.begin(), v.end());
			printf("map\t%s\t%zu\t%s\t%.2f\n", subject, n,
			       op.c_str(), v[v.size() / 2]);
		}
	}

private:
	std::map<std::string, std::vector<double>> values;
};

/* Call @run with each size up to @largest. */
template <typename F>
static void for_each_size(size_t largest, F run)
{
	for (size_t n : { 8, 64, 1000, 100000, 1000000, 4000000 })
		if (n <= largest)
			run(n);
}

#endif /* BENCH_REF_HH */
