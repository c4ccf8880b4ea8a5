// SPDX-License-Identifier: GPL-2.0
/*
 * Many processes on one map: counters keep exact totals, values are never torn,
 * an entry is taken by one, and iteration produces what stays in the map exactly
 * once, whatever the others insert, delete, grow, shrink or clear.
 *
 * The amounts are fixed and the random numbers have fixed seeds. Slow tiers
 * run a part of it: GOCHAN_TEST_SCALE.
 */

#include "map_test.h"

#define STRESS_TIMEOUT	100

#define PROCESSES	8

/* Random numbers of one process: another sequence for each seed. */
struct noise {
	__u64 state;
};

static __u64 next_noise(struct noise *noise)
{
	return scramble(noise->state++);
}

static struct noise noise_of(struct peer *peer)
{
	return (struct noise){ .state = (peer->value + 1) << 40 };
}

static bool stopped(struct peer *peer)
{
	return __atomic_load_n(&peer->stop, __ATOMIC_RELAXED);
}

static void stop(struct peer *peer)
{
	__atomic_store_n(&peer->stop, 1, __ATOMIC_RELAXED);
}

/* Start @n peers of number 0, 1, ... with @count things to do each. */
static void start_peers(struct peer **peers, unsigned int n, int fd,
			__u64 count, int (*fn)(struct peer *peer))
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		peers[i] = peer_new(fd, i);
		peers[i]->count = count;
	}
	for (i = 0; i < n; i++)
		peer_fork(peers[i], fn);
}

#define join_all(peers, n)						\
	do {								\
		unsigned int __i;					\
									\
		for (__i = 0; __i < (n); __i++)				\
			EXPECT_EQ(0, peer_join((peers)[__i]));		\
	} while (0)

/* A map from __u64 to __u64. */

FIXTURE(shared) {
	int fd;
};

FIXTURE_SETUP(shared)
{
	self->fd = new_u64_map();
}

FIXTURE_TEARDOWN(shared)
{
	close(self->fd);
}

/* Counters. */

FIXTURE(counters) {
	int fd;
};

FIXTURE_VARIANT(counters) {
	unsigned int counters;
	__u32 flags;
	__u32 value_size;
};

FIXTURE_VARIANT_ADD(counters, one) {
	.counters = 1,
	.value_size = 8,
};

FIXTURE_VARIANT_ADD(counters, few) {
	.counters = 7,
	.value_size = 4,
};

/* The map grows under the hands of all. */
FIXTURE_VARIANT_ADD(counters, many) {
	.counters = 5000,
	.value_size = 8,
};

FIXTURE_VARIANT_ADD(counters, many_varlen) {
	.counters = 5000,
	.flags = GOCHAN_MAP_VARLEN,
	.value_size = 4,
};

FIXTURE_SETUP(counters)
{
	self->fd = new_map(variant->flags, 16, variant->value_size);
}

FIXTURE_TEARDOWN(counters)
{
	close(self->fd);
}

static unsigned int nr_counters;
static bool varlen_counters;

static __u32 counter_key(__u64 counter, char key[16])
{
	memset(key, 0, 16);
	snprintf(key, 16, "c%llu", (unsigned long long)counter);
	return varlen_counters ? strlen(key) : 16;
}

/* Out: @value: what all additions of this process have added. */
static int peer_add(struct peer *peer)
{
	struct noise noise = noise_of(peer);
	__u64 i, delta, sum, total = 0;
	char key[16];
	__u32 len;
	int ret;

	for (i = 0; i < peer->count; i++) {
		len = counter_key(next_noise(&noise) % nr_counters, key);
		delta = next_noise(&noise) % 5;
		total += delta;
		ret = map_add(peer->fd, key, len, delta, GOCHAN_MAP_ADD_CREATE,
			      &sum);
		if (ret)
			return ret;
		if (sum < delta)
			return PEER_FAILED;
	}
	peer->value = total;
	return 0;
}

TEST_F_TIMEOUT(counters, have_exact_totals, STRESS_TIMEOUT)
{
	struct peer *peers[PROCESSES];
	__u64 added = 0, total = 0;
	unsigned int i;
	char key[16];

	nr_counters = variant->counters;
	varlen_counters = variant->flags;
	start_peers(peers, PROCESSES, self->fd, scaled(20000, 1000), peer_add);
	join_all(peers, PROCESSES);
	for (i = 0; i < PROCESSES; i++)
		added += peers[i]->value;
	for (i = 0; i < nr_counters; i++) {
		__u32 len = counter_key(i, key);
		__u64 value = 0;
		int ret;

		ret = map_get(self->fd, key, len, &value, variant->value_size);
		if (ret != -ENOENT)
			EXPECT_EQ(0, ret);
		total += value;
	}
	EXPECT_EQ(added, total);
}

/* The same by compare and swap. */
static int peer_cas(struct peer *peer)
{
	struct noise noise = noise_of(peer);
	__u64 i, key, expected, value;
	int ret;

	for (i = 0; i < peer->count; i++) {
		key = next_noise(&noise) % 4;
		expected = 0;
		do {
			value = expected + 1;
			ret = map_cas(peer->fd, &key, 8, &expected, &value, 8);
		} while (ret == -EEXIST);
		if (ret)
			return ret;
	}
	return 0;
}

TEST_F_TIMEOUT(shared, cas_loses_no_update, STRESS_TIMEOUT)
{
	struct peer *peers[PROCESSES];
	__u64 i, value, total = 0, each = scaled(10000, 500);

	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, put_u64(self->fd, i, 0));
	start_peers(peers, PROCESSES, self->fd, each, peer_cas);
	join_all(peers, PROCESSES);
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(0, get_u64(self->fd, i, &value));
		total += value;
	}
	EXPECT_EQ(PROCESSES * each, total);
}

/* Batches across growth. */

#define BATCH	300

/* Puts its own keys, BATCH at a time, and finds them again, and deletes some. */
static int peer_batches(struct peer *peer)
{
	__u64 keys[BATCH], values[BATCH], i, n;

	for (n = 0; n < peer->count; n++) {
		for (i = 0; i < BATCH; i++) {
			values[i] = (n * BATCH + i) * PROCESSES + peer->value;
			keys[i] = scramble(values[i]);
		}
		if (put_many_u64(peer->fd, keys, values, BATCH) != BATCH)
			return PEER_FAILED;
		memset(values, 0, sizeof(values));
		if (get_many_u64(peer->fd, keys, values, NULL, BATCH) != BATCH)
			return PEER_FAILED;
		for (i = 0; i < BATCH; i++)
			if (scramble(values[i]) != keys[i])
				return PEER_FAILED;
		/* Every third batch goes again. */
		if (n % 3 == 2 &&
		    delete_many_u64(peer->fd, keys, NULL, BATCH) != BATCH)
			return PEER_FAILED;
	}
	return 0;
}

TEST_F_TIMEOUT(shared, batches_of_all_arrive_across_growth, STRESS_TIMEOUT)
{
	__u64 rounds = scaled(60, 6), p, n, i, value, entries = 0;
	struct peer *peers[PROCESSES];

	start_peers(peers, PROCESSES, self->fd, rounds, peer_batches);
	join_all(peers, PROCESSES);
	for (n = 0; n < rounds; n++) {
		if (n % 3 == 2)
			continue;
		for (p = 0; p < PROCESSES; p++) {
			for (i = 0; i < BATCH; i += 29) {
				value = (n * BATCH + i) * PROCESSES + p;
				check_u64(self->fd, scramble(value), value);
			}
		}
		entries += PROCESSES * BATCH;
	}
	check_entries(self->fd, entries);
}

/* Each entry is taken by one. */

static int peer_take(struct peer *peer)
{
	__u64 i, value, taken = 0;
	int ret;

	for (i = 0; i < peer->count; i++) {
		ret = take_u64(peer->fd, scramble(i), &value);
		if (ret == -ENOENT)
			continue;
		if (ret || value != i)
			return PEER_FAILED;
		taken++;
	}
	peer->value = taken;
	return 0;
}

TEST_F_TIMEOUT(shared, each_entry_is_taken_once, STRESS_TIMEOUT)
{
	__u64 i, n = scaled(20000, 2000), taken = 0;
	struct peer *peers[PROCESSES];

	for (i = 0; i < n; i++)
		ASSERT_EQ(0, put_u64(self->fd, scramble(i), i));
	start_peers(peers, PROCESSES, self->fd, n, peer_take);
	join_all(peers, PROCESSES);
	for (i = 0; i < PROCESSES; i++)
		taken += peers[i]->value;
	EXPECT_EQ(n, taken);
	check_entries(self->fd, 0);
}

/* Values are whole. */

static __u32 whole_size;

static int peer_overwrite(struct peer *peer)
{
	struct noise noise = noise_of(peer);
	char value[4096];
	__u64 key;
	int ret;

	while (!stopped(peer)) {
		key = next_noise(&noise) % 16;
		memset(value, next_noise(&noise), whole_size);
		if (next_noise(&noise) % 8)
			ret = map_put(peer->fd, &key, 8, value, whole_size, 0);
		else
			ret = map_delete(peer->fd, &key, 8);
		if (ret && ret != -ENOENT)
			return ret;
	}
	return 0;
}

static int peer_check_whole(struct peer *peer)
{
	static char value[16 * 4096];
	__u64 keys[16], i, n;
	__u8 found[16];
	int ret;

	for (i = 0; i < 16; i++)
		keys[i] = i;
	for (n = 0; n < peer->count; n++) {
		struct gochan_map_batch b = u64_batch(keys, value, found, 16);

		ret = map_get(peer->fd, &keys[n % 16], 8, value, whole_size);
		if (!ret && !is_filled(value, value[0], whole_size))
			return PEER_FAILED;
		if (ret && ret != -ENOENT)
			return ret;
		b.value_size = whole_size;
		ret = chan_ioctl(peer->fd, GOCHAN_IOC_MAP_GET_MANY, &b);
		if (ret)
			return ret;
		for (i = 0; i < 16; i++) {
			char *one = value + i * whole_size;

			if (found[i] && !is_filled(one, one[0], whole_size))
				return PEER_FAILED;
		}
	}
	return 0;
}

FIXTURE(whole) {
	int fd;
};

FIXTURE_VARIANT(whole) {
	__u32 size;
};

FIXTURE_VARIANT_ADD(whole, small) {
	.size = 8,
};

FIXTURE_VARIANT_ADD(whole, inline) {
	.size = 128,
};

FIXTURE_VARIANT_ADD(whole, outside) {
	.size = 4096,
};

FIXTURE_SETUP(whole)
{
	whole_size = variant->size;
	self->fd = new_map(0, 8, variant->size);
}

FIXTURE_TEARDOWN(whole)
{
	close(self->fd);
}

TEST_F_TIMEOUT(whole, values_are_seen, STRESS_TIMEOUT)
{
	struct peer *writers[2], *readers[2];
	unsigned int i;

	start_peers(writers, 2, self->fd, 0, peer_overwrite);
	start_peers(readers, 2, self->fd, scaled(5000, 300), peer_check_whole);
	join_all(readers, 2);
	for (i = 0; i < 2; i++)
		stop(writers[i]);
	join_all(writers, 2);
}

/* Iteration while the others do everything. */

/* Keys below this stay in the map; the others come and go. */
#define STABLE		2000
#define VOLATILE	20000

/* Waves: the map grows to tens of times its size, and shrinks again. */
static int peer_wave(struct peer *peer)
{
	__u64 keys[BATCH], i, n;
	__u8 found[BATCH];

	while (!stopped(peer)) {
		for (n = 0; n < 2 * VOLATILE / BATCH && !stopped(peer); n++) {
			bool up = n < VOLATILE / BATCH;

			for (i = 0; i < BATCH; i++)
				keys[i] = scramble(STABLE + n % (VOLATILE /
						   BATCH) * BATCH + i +
						   peer->value * VOLATILE);
			if (up && put_many_u64(peer->fd, keys, keys, BATCH) !=
				  BATCH)
				return PEER_FAILED;
			if (!up && delete_many_u64(peer->fd, keys, found,
						   BATCH) != BATCH)
				return PEER_FAILED;
		}
	}
	return 0;
}

/* Overwrites what stays, so that it moves in time but not in place. */
static int peer_touch(struct peer *peer)
{
	struct noise noise = noise_of(peer);
	__u64 i;

	while (!stopped(peer)) {
		i = next_noise(&noise) % STABLE;
		if (put_u64(peer->fd, scramble(i), i))
			return PEER_FAILED;
	}
	return 0;
}

/* In: @count: iterations. Each sees every stable key exactly once. */
static int peer_iterate(struct peer *peer)
{
	static const __u32 steps[] = { 1000, 32, 7, 500 };
	static unsigned char seen[STABLE];
	static __u64 keys[1000], values[1000];
	__u64 n;
	int got, i;

	for (n = 0; n < peer->count; n++) {
		struct gochan_map_iter it = { 0 };

		memset(seen, 0, sizeof(seen));
		while ((got = iterate_u64(peer->fd, &it, keys, values,
					  steps[n % ARRAY_SIZE(steps)])) > 0) {
			for (i = 0; i < got; i++) {
				if (values[i] >= STABLE) {
					if (keys[i] != values[i])
						return PEER_FAILED;
					continue;
				}
				if (keys[i] != scramble(values[i]))
					return PEER_FAILED;
				seen[values[i]]++;
			}
		}
		if (got)
			return got;
		for (i = 0; i < STABLE; i++) {
			if (seen[i] != 1) {
				peer->value = i;
				return -20000 - seen[i];
			}
		}
	}
	return 0;
}

TEST_F_TIMEOUT(shared, iteration_is_exact_under_growth_and_deletion, STRESS_TIMEOUT)
{
	struct peer *waves[2], *touch[1], *iterators[2];
	unsigned int i;

	for (i = 0; i < STABLE; i++)
		ASSERT_EQ(0, put_u64(self->fd, scramble(i), i));
	start_peers(waves, 2, self->fd, 0, peer_wave);
	start_peers(touch, 1, self->fd, 0, peer_touch);
	start_peers(iterators, 2, self->fd, scaled(60, 8), peer_iterate);
	join_all(iterators, 2);
	for (i = 0; i < 2; i++)
		stop(waves[i]);
	stop(touch[0]);
	join_all(waves, 2);
	join_all(touch, 1);
	for (i = 0; i < STABLE; i++)
		check_u64(self->fd, scramble(i), i);
}

/* Clear, against everything else. */

static int peer_mixture(struct peer *peer)
{
	struct noise noise = noise_of(peer);
	struct gochan_map_iter it = { 0 };
	__u64 n, key, value, keys[64];
	int ret;

	for (n = 0; n < peer->count; n++) {
		key = next_noise(&noise) % 5000;
		switch (next_noise(&noise) % 8) {
		case 0:
			ret = take_u64(peer->fd, scramble(key), &value);
			break;
		case 1:
			ret = get_u64(peer->fd, scramble(key), &value);
			if (!ret && value != key)
				return PEER_FAILED;
			break;
		case 2:
			ret = iterate_u64(peer->fd, &it, keys, NULL, 64);
			if (!ret)
				memset(&it, 0, sizeof(it));
			break;
		default:
			ret = put_u64(peer->fd, scramble(key), key);
			if (ret)
				return ret;
			break;
		}
		if (ret < 0 && ret != -ENOENT)
			return ret;
	}
	return 0;
}

static int peer_clear(struct peer *peer)
{
	while (!stopped(peer)) {
		if (map_clear(peer->fd))
			return PEER_FAILED;
		poll(NULL, 0, 1);
	}
	return 0;
}

TEST_F_TIMEOUT(shared, clear_races_with_everything, STRESS_TIMEOUT)
{
	struct peer *peers[PROCESSES], *clear[2];
	unsigned int i;
	__u64 value;

	start_peers(clear, 2, self->fd, 0, peer_clear);
	start_peers(peers, PROCESSES, self->fd, scaled(10000, 1000), peer_mixture);
	join_all(peers, PROCESSES);
	for (i = 0; i < 2; i++)
		stop(clear[i]);
	join_all(clear, 2);
	EXPECT_EQ(0, map_clear(self->fd));
	check_entries(self->fd, 0);
	EXPECT_EQ(0, put_u64(self->fd, 1, 2));
	EXPECT_EQ(0, take_u64(self->fd, 1, &value));
	EXPECT_EQ(2, value);
}

/*
 * Batches are looked up in the order of their keys. A writer stores data, then
 * the flag that says so: under new keys each time, and in a counter of each.
 */

#define FLAGS	8
#define CLOCK	0x8000000000000000ULL

static __u64 data_key(__u64 i)
{
	return scramble(i) & ~(CLOCK | 1);
}

static __u64 flag_key(__u64 i)
{
	return data_key(i) | 1;
}

static int peer_flags(struct peer *peer)
{
	__u64 i;

	for (i = 1; i <= peer->count; i++) {
		if (put_u64(peer->fd, data_key(i), i) ||
		    put_u64(peer->fd, flag_key(i), i) ||
		    put_u64(peer->fd, CLOCK, i) ||
		    put_u64(peer->fd, CLOCK | 1, i))
			return PEER_FAILED;
	}
	return 0;
}

FIXTURE(in_order) {
	int fd;
};

FIXTURE_VARIANT(in_order) {
	unsigned int others;
};

FIXTURE_VARIANT_ADD(in_order, few) {
	.others = 0,
};

FIXTURE_VARIANT_ADD(in_order, many) {
	.others = 40000,
};

FIXTURE_SETUP(in_order)
{
	unsigned int i;

	self->fd = new_u64_map();
	for (i = 0; i < variant->others; i++)
		ASSERT_EQ(0, put_u64(self->fd, scramble(i) | CLOCK, i));
	ASSERT_EQ(0, put_u64(self->fd, CLOCK, 0));
	ASSERT_EQ(0, put_u64(self->fd, CLOCK | 1, 0));
}

FIXTURE_TEARDOWN(in_order)
{
	close(self->fd);
}

TEST_F_TIMEOUT(in_order, batches_are_looked_up, STRESS_TIMEOUT)
{
	__u64 keys[2 * FLAGS + 2], values[2 * FLAGS + 2], next = 1, i, late = 0;
	unsigned int n = ARRAY_SIZE(keys), data = FLAGS + 1;
	__u64 count = scaled(60000, 3000);
	struct peer *writer;
	__u8 found[ARRAY_SIZE(keys)];

	start_peers(&writer, 1, self->fd, count, peer_flags);
	while (next <= count) {
		for (i = 0; i < FLAGS; i++) {
			keys[i] = flag_key(next + i);
			keys[data + i] = data_key(next + i);
		}
		keys[FLAGS] = CLOCK | 1;
		keys[data + FLAGS] = CLOCK;
		ASSERT_EQ(n, get_many_u64(self->fd, keys, values, found, n));
		for (i = 0; i <= FLAGS; i++) {
			/* The flag is there, or tells a number; not the data. */
			late += found[i] && !found[data + i];
			late += values[i] > values[data + i];
		}
		/* Where the writer is, or a little in front of that. */
		next = values[data + FLAGS] + 1;
	}
	EXPECT_EQ(0, late);
	join_all(&writer, 1);
}

/* A process that is killed leaves the map whole, and its charge to others. */
TEST_F_TIMEOUT(shared, killed_writers_leave_a_good_map, STRESS_TIMEOUT)
{
	unsigned int round, rounds = scaled(30, 4), i;
	struct peer *peers[2];
	__u64 value;

	for (i = 0; i < STABLE; i++)
		ASSERT_EQ(0, put_u64(self->fd, scramble(i), i));
	for (round = 0; round < rounds; round++) {
		start_peers(peers, 2, self->fd, 0, peer_wave);
		poll(NULL, 0, 5 + scramble(round) % 30);
		for (i = 0; i < 2; i++)
			EXPECT_EQ(PEER_KILLED(SIGKILL), peer_kill(peers[i]));
		for (i = 0; i < STABLE; i += 17) {
			EXPECT_EQ(0, get_u64(self->fd, scramble(i), &value));
			EXPECT_EQ(i, value);
		}
	}
}

TEST_HARNESS_MAIN
