// SPDX-License-Identifier: GPL-2.0
/*
 * absl::flat_hash_map, measured as kmod/bench measures our map: the same keys,
 * the same operations in the same order.
 *
 *	absl ROUNDS LARGEST-MAP
 */

#include <absl/container/flat_hash_map.h>

#include "ref.hh"

using table = absl::flat_hash_map<uint64_t, uint64_t>;

/*
 * Of so many operations of the mixed load these are overwrites, one is a removal
 * with an insertion after it, and the others are lookups.
 */
static const size_t mix_all = 100;
static const size_t mix_writes = 9;
static const size_t mix_gets = mix_all - mix_writes - 1;

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

/*
 * One lookup as a function that others call, as a module's is: its code cannot
 * become part of the loop, and the value travels through memory.
 */
static bool __attribute__((noipa)) look_one(const table &m,
					    const uint64_t *key,
					    uint64_t *value)
{
	auto at = m.find(*key);

	if (at == m.end())
		return false;
	*value = at->second;
	return true;
}

static size_t look_by_call(const table &m, const uint64_t *k, size_t n,
			   uint64_t &sum)
{
	size_t found = 0;
	uint64_t value;

	for (size_t i = 0; i < n; i++) {
		if (look_one(m, &k[i], &value)) {
			sum += value;
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
	r.repeat("hit_by_call", round, probes, [&] {
		uint64_t sum = 0;

		check(look_by_call(m, k.hit.data(), probes, sum) == probes &&
		      sum == want, "hit_by_call");
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
	r.print("absl", n);
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: absl ROUNDS LARGEST-MAP\n");
		return 2;
	}
	for_each_size(strtoul(argv[2], nullptr, 10), [&](size_t n) {
		run_size(n, strtoul(argv[1], nullptr, 10));
	});
	return 0;
}
