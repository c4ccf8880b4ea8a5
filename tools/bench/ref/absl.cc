// SPDX-License-Identifier: GPL-2.0
/*
 * absl::flat_hash_map, measured as kmod/bench measures our map: the same keys,
 * the same operations in the same order, the median of rounds of which the first
 * is a rehearsal. A result is a line "suite subject n op value".
 *
 *	absl ROUNDS LARGEST-MAP
 */

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include <absl/container/flat_hash_map.h>

using std::size_t;
using words = std::vector<uint64_t>;
using table = absl::flat_hash_map<uint64_t, uint64_t>;
using watch = std::chrono::steady_clock;

/* Keys are those of the module. */
static const uint64_t seed = 0x676f6d6170;

/* As in the module: distinct lookups, and lookups in all. */
static const size_t min_probes = 16384;
static const size_t max_probes = 1000000;
static const size_t min_lookups = 131072;

/*
 * Of so many operations of the mixed load these are overwrites, one is a removal
 * with an insertion after it, and the others are lookups.
 */
static const size_t mix_all = 100;
static const size_t mix_writes = 9;
static const size_t mix_gets = mix_all - mix_writes - 1;

/* A bijection: different numbers, different keys (splitmix64). */
static uint64_t mix(uint64_t x)
{
	x = (x + seed) * 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

static void shuffle(words &k, uint64_t from)
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
static void check(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "absl: %s gave a wrong result\n", what);
	exit(1);
}

static size_t look(const table &m, const uint64_t *k, size_t n, uint64_t &sum)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		auto at = m.find(k[i]);

		if (at != m.end()) {
			sum += at->second;
			found++;
		}
	}
	return found;
}

static size_t mixed(table &m, const words &k)
{
	size_t found = 0;
	uint64_t sum = 0;

	for (size_t i = 0; i + mix_all <= k.size(); i += mix_all) {
		uint64_t last = k[i + mix_all - 1];

		found += look(m, &k[i], mix_gets, sum);
		for (size_t j = i + mix_gets; j < i + mix_all - 1; j++)
			m.find(k[j])->second = ~k[j];
		found += m.erase(last);
		m.emplace(last, last);
	}
	return found;
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

	void print(size_t n)
	{
		for (auto &[op, v] : values) {
			std::sort(v.begin(), v.end());
			printf("map\tabsl\t%zu\t%s\t%.2f\n", n, op.c_str(),
			       v[v.size() / 2]);
		}
	}

private:
	std::map<std::string, std::vector<double>> values;
};

static void lookups(results &r, table &m, const keys &k, unsigned int round)
{
	size_t probes = k.hit.size(), mix_ops = probes / mix_all;
	uint64_t want = 0, all = 0;

	for (uint64_t key : k.hit)
		want += key;
	for (uint64_t key : k.insert)
		all += key;
	r.repeat("hit", round, probes, [&] {
		uint64_t sum = 0;

		check(look(m, k.hit.data(), probes, sum) == probes &&
		      sum == want, "hit");
	});
	r.repeat("miss", round, probes, [&] {
		uint64_t sum = 0;

		check(!look(m, k.miss.data(), probes, sum), "miss");
	});
	r.repeat("iterate", round, m.size(), [&] {
		uint64_t sum = 0;

		for (auto &[key, value] : m)
			sum += key + value;
		check(sum == 2 * all, "iterate");
	});
	r.repeat("overwrite", round, probes, [&] {
		for (uint64_t key : k.hit)
			m.find(key)->second = ~key;
	});
	r.repeat("mixed", round, mix_ops * mix_all, [&] {
		check(mixed(m, k.hit) == mix_ops * (mix_gets + 1), "mixed");
	});
}

static void fill(std::vector<table> &maps, const keys &k)
{
	for (table &m : maps)
		for (uint64_t key : k.insert)
			m.emplace(key, key);
}

static void run_round(results &r, const keys &k, unsigned int round)
{
	size_t n = k.insert.size(), nr = std::max(min_probes / n, size_t(1));
	std::vector<table> maps(nr);
	auto start = watch::now();

	fill(maps, k);
	r.add("insert", round, start, nr * n);
	lookups(r, maps[0], k, round);
	start = watch::now();
	for (table &m : maps)
		for (uint64_t key : k.remove)
			m.erase(key);
	r.add("delete", round, start, nr * n);
	check(maps[0].empty(), "delete");

	maps.assign(nr, table());
	for (table &m : maps)
		m.reserve(n);
	start = watch::now();
	fill(maps, k);
	r.add("insert_reserved", round, start, nr * n);
}

static void run_size(size_t n, unsigned int rounds)
{
	keys k(n);
	results r;

	for (unsigned int round = 0; round <= rounds; round++)
		run_round(r, k, round);
	r.print(n);
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: absl ROUNDS LARGEST-MAP\n");
		return 2;
	}
	for (size_t n : { 8, 64, 1000, 100000, 1000000, 4000000 })
		if (n <= strtoul(argv[2], nullptr, 10))
			run_size(n, strtoul(argv[1], nullptr, 10));
	return 0;
}
