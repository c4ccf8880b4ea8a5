// SPDX-License-Identifier: GPL-2.0
/*
 * A bare table of our groups: what a lookup takes at least in a map larger than
 * the cache. It has the same hash, control words and slots, but no directory, no
 * sequence count, no removal, no growth and one type of key, and nobody may change
 * it while it is read.
 *
 *	bare ROUNDS LARGEST-MAP
 */

#include <memory>

#include "ref.hh"

static const uint64_t lsb = 0x0101010101010101;
static const uint64_t msb = 0x8080808080808080;

/* As many lookups at once as the module's batches have. */
static const size_t batch = 16;

struct slot {
	uint64_t key, value;
};

struct group {
	slot slots[8];
};

/* At most half full, as ours and absl's are with one and 4 million keys. */
class table {
public:
	explicit table(size_t n)
	{
		while (8 * (mask + 1) < 2 * n)
			mask = 2 * mask + 1;
		ctrl.assign(mask + 1, msb);
		groups.reset(new group[mask + 1]());
	}

	void insert(uint64_t key, uint64_t value)
	{
		uint64_t hash = hash_of(key), free;
		size_t g = first(hash), step = 0, bit;

		while (!(free = ctrl[g] & msb))
			g = (g + ++step) & mask;
		bit = __builtin_ctzll(free) - 7;
		ctrl[g] ^= (0x80 | (hash & 0x7f)) << bit;
		groups[g].slots[bit / 8] = { key, value };
	}

	bool __attribute__((noipa)) get(const uint64_t *key,
					uint64_t *value) const
	{
		uint64_t hash = hash_of(*key);

		__builtin_prefetch(&groups[first(hash)]);
		__builtin_prefetch(&groups[first(hash)].slots[4]);
		return search(*key, hash, value);
	}

	/* Control words, then the slots that they point out, then the values. */
	size_t __attribute__((noipa)) get_many(const uint64_t *k, size_t n,
					       uint64_t *values) const
	{
		uint64_t hash[batch];
		size_t found = 0;

		for (size_t i = 0; i < n; i++) {
			hash[i] = hash_of(k[i]);
			__builtin_prefetch(&ctrl[first(hash[i])]);
		}
		for (size_t i = 0; i < n; i++) {
			size_t g = first(hash[i]);
			uint64_t match = match_of(ctrl[g], hash[i]);

			if (match)
				__builtin_prefetch(slot_of(g, match));
		}
		for (size_t i = 0; i < n; i++)
			found += search(k[i], hash[i], &values[i]);
		return found;
	}

private:
	static uint64_t hash_of(uint64_t key)
	{
		__uint128_t product = (__uint128_t)(key ^ seed) *
				      0x9e3779b97f4a7c15;

		return product ^ product >> 64;
	}

	static uint64_t match_of(uint64_t word, uint64_t hash)
	{
		uint64_t diff = word ^ lsb * (hash & 0x7f);

		return (diff - lsb) & ~diff & msb;
	}

	size_t first(uint64_t hash) const
	{
		return hash >> 7 & mask;
	}

	const slot *slot_of(size_t g, uint64_t match) const
	{
		return &groups[g].slots[__builtin_ctzll(match) / 8];
	}

	bool search(uint64_t key, uint64_t hash, uint64_t *value) const
	{
		size_t g = first(hash), step = 0;

		for (;; g = (g + ++step) & mask) {
			uint64_t match = match_of(ctrl[g], hash);

			for (; match; match &= match - 1) {
				const slot *s = slot_of(g, match);

				if (s->key == key) {
					*value = s->value;
					return true;
				}
			}
			if (ctrl[g] & ~(ctrl[g] << 6) & msb)
				break;
		}
		*value = 0;
		return false;
	}

	size_t mask = 0;
	words ctrl;
	std::unique_ptr<group[]> groups;
};

static size_t look(const table &m, const words &k, uint64_t &sum)
{
	size_t found = 0;
	uint64_t value;

	for (const uint64_t &key : k) {
		found += m.get(&key, &value);
		sum += value;
	}
	return found;
}

static size_t look_many(const table &m, const words &k, uint64_t &sum)
{
	uint64_t values[batch];
	size_t found = 0;

	for (size_t i = 0; i < k.size(); i += batch) {
		size_t n = std::min(batch, k.size() - i);

		found += m.get_many(&k[i], n, values);
		for (size_t j = 0; j < n; j++)
			sum += values[j];
	}
	return found;
}

static void run_size(size_t n, unsigned int rounds)
{
	uint64_t want = 0;
	keys k(n);
	table m(n);
	results r;

	for (uint64_t key : k.insert)
		m.insert(key, key);
	for (uint64_t key : k.hit)
		want += key;
	for (unsigned int round = 0; round <= rounds; round++) {
		r.repeat("hit", round, k.hit.size(), [&] {
			uint64_t sum = 0;

			check(look(m, k.hit, sum) == k.hit.size() && sum == want,
			      "hit");
		});
		r.repeat("miss", round, k.miss.size(), [&] {
			uint64_t sum = 0;

			check(!look(m, k.miss, sum), "miss");
		});
		r.repeat("get_many", round, k.hit.size(), [&] {
			uint64_t sum = 0;

			check(look_many(m, k.hit, sum) == k.hit.size() &&
			      sum == want, "get_many");
		});
	}
	r.print("bare", n);
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: bare ROUNDS LARGEST-MAP\n");
		return 2;
	}
	for_each_size(strtoul(argv[2], nullptr, 10), [&](size_t n) {
		run_size(n, strtoul(argv[1], nullptr, 10));
	});
	return 0;
}
