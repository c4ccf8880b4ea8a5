// SPDX-License-Identifier: GPL-2.0
/*
 * Maps: commands for many entries, and iteration, by one process. What several
 * processes do to each other is in map_stress.c.
 */

#include "map_test.h"

/* More than any round of the kernel's, and not a multiple of one. */
#define MANY	1000

static __u64 keys[MANY], values[MANY], out[MANY];
static __u8 found[MANY];

static void fill_u64(void)
{
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		keys[i] = scramble(i);
		values[i] = i;
	}
}

/* The outcome of a batch command whose structure is at hand. */
#define check_batch(fd, cmd, b, ret, done_)				\
	do {								\
		struct gochan_map_batch *__b = b;			\
									\
		__b->done = POISON_U32;					\
		EXPECT_EQ(ret, chan_ioctl(fd, cmd, __b));		\
		EXPECT_EQ((__u32)(done_), __b->done);			\
	} while (0)

/* Batches. */

TEST(batches_of_any_length_do_all)
{
	static const __u32 counts[] = { 1, 2, 7, 255, 256, 257, 512, MANY };
	unsigned int i, n;
	int fd;

	fill_u64();
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		n = counts[i];
		fd = new_u64_map();
		EXPECT_EQ(n, put_many_u64(fd, keys, values, n));
		check_entries(fd, n);
		poison(out, sizeof(out));
		poison(found, sizeof(found));
		EXPECT_EQ(n, get_many_u64(fd, keys, out, found, n));
		EXPECT_EQ(0, memcmp(out, values, n * 8));
		EXPECT_TRUE(is_poison(out + n, (MANY - n) * 8));
		EXPECT_TRUE(is_filled(found, 1, n));
		EXPECT_TRUE(is_poison(found + n, MANY - n));
		EXPECT_EQ(n, get_many_u64(fd, keys, NULL, NULL, n));
		poison(found, sizeof(found));
		EXPECT_EQ(n, delete_many_u64(fd, keys, found, n));
		EXPECT_TRUE(is_filled(found, 1, n));
		EXPECT_TRUE(is_poison(found + n, MANY - n));
		check_entries(fd, 0);
		close(fd);
	}
}

TEST(empty_batches_do_nothing)
{
	struct gochan_map_batch b = u64_batch(NULL, NULL, NULL, 0);
	struct gochan_map_iter it = { 0 };
	int fd;

	fd = new_u64_map();
	EXPECT_EQ(0, put_u64(fd, 1, 1));
	check_batch(fd, GOCHAN_IOC_MAP_GET_MANY, &b, 0, 0);
	check_batch(fd, GOCHAN_IOC_MAP_DELETE_MANY, &b, 0, 0);
	b.value_size = 8;
	check_batch(fd, GOCHAN_IOC_MAP_PUT_MANY, &b, 0, 0);
	/* It would look like the end. */
	EXPECT_EQ(-EINVAL, iterate_u64(fd, &it, out, NULL, 0));
	check_entries(fd, 1);
}

TEST(batches_with_wrong_sizes_fail)
{
	static const unsigned long cmds[] = {
		GOCHAN_IOC_MAP_GET_MANY, GOCHAN_IOC_MAP_PUT_MANY,
		GOCHAN_IOC_MAP_DELETE_MANY,
	};
	struct gochan_map_batch b;
	struct gochan_map_iter it = { 0 };
	__u32 lens[1] = { 8 };
	unsigned int i;
	int fd, varlen;

	fill_u64();
	fd = new_u64_map();
	varlen = new_map(GOCHAN_MAP_VARLEN, 8, 8);
	EXPECT_EQ(1, put_many_u64(fd, keys, values, 1));
	for (i = 0; i < ARRAY_SIZE(cmds); i++) {
		b = u64_batch(keys, values, NULL, 1);
		if (cmds[i] == GOCHAN_IOC_MAP_DELETE_MANY) {
			check_batch(fd, cmds[i], &b, -EINVAL, 0);
			b = u64_batch(keys, NULL, NULL, 1);
		}
		b.key_size = 7;
		check_batch(fd, cmds[i], &b, -EINVAL, 0);
		b.key_size = 0;
		check_batch(fd, cmds[i], &b, -EINVAL, 0);
		b.key_size = 8;
		b.value_size = 4;
		check_batch(fd, cmds[i], &b, -EINVAL, 0);
		b.value_size = b.values ? 8 : 0;
		b.key_lens = (uintptr_t)lens;
		check_batch(fd, cmds[i], &b, -EINVAL, 0);
		b.key_lens = 0;
		check_batch(varlen, cmds[i], &b, -EINVAL, 0);
	}
	b = u64_batch(keys, values, found, 1);
	check_batch(fd, GOCHAN_IOC_MAP_PUT_MANY, &b, -EINVAL, 0);
	b = u64_batch(keys, NULL, NULL, 1);
	check_batch(fd, GOCHAN_IOC_MAP_PUT_MANY, &b, -EINVAL, 0);
	EXPECT_EQ(-EINVAL, iterate(fd, &it, out, 7, NULL, NULL, 0, 1));
	EXPECT_EQ(-EINVAL, iterate(fd, &it, out, 8, lens, NULL, 0, 1));
	EXPECT_EQ(-EINVAL, iterate(fd, &it, out, 8, NULL, NULL, 8, 0));
	EXPECT_EQ(-EINVAL, iterate(fd, &it, out, 8, NULL, out, 4, 1));
	EXPECT_EQ(-EINVAL, iterate(varlen, &it, out, 8, NULL, out, 8, 1));
	EXPECT_EQ(0, it.cursor[0]);
	EXPECT_EQ(0, it.cursor[1]);
	check_entries(fd, 1);
	check_u64(fd, keys[0], 0);
}

TEST(get_many_tells_which_keys_are_there)
{
	unsigned int i;
	int fd;

	fill_u64();
	fd = new_u64_map();
	for (i = 0; i < MANY; i++)
		if (i % 3)
			EXPECT_EQ(0, put_u64(fd, keys[i], values[i]));
	poison(out, sizeof(out));
	poison(found, sizeof(found));
	EXPECT_EQ(MANY, get_many_u64(fd, keys, out, found, MANY));
	for (i = 0; i < MANY; i++) {
		EXPECT_EQ(!!(i % 3), found[i]);
		EXPECT_EQ(i % 3 ? values[i] : 0, out[i]);
	}
}

TEST(absent_key_ends_batches_that_cannot_tell_it)
{
	static const unsigned int absents[] = { 0, 1, 255, 256, 600, MANY - 1 };
	struct gochan_map_batch b;
	unsigned int i, at;
	int fd;

	fill_u64();
	for (i = 0; i < ARRAY_SIZE(absents); i++) {
		at = absents[i];
		fd = new_u64_map();
		EXPECT_EQ(MANY, put_many_u64(fd, keys, values, MANY));
		EXPECT_EQ(0, delete_u64(fd, keys[at]));
		poison(out, sizeof(out));
		b = u64_batch(keys, out, NULL, MANY);
		check_batch(fd, GOCHAN_IOC_MAP_GET_MANY, &b, -ENOENT, at);
		EXPECT_EQ(0, memcmp(out, values, at * 8));
		EXPECT_TRUE(is_poison(out + at, (MANY - at) * 8));
		b = u64_batch(keys, NULL, NULL, MANY);
		check_batch(fd, GOCHAN_IOC_MAP_DELETE_MANY, &b, -ENOENT, at);
		check_entries(fd, MANY - 1 - at);
		/* Behind the absent one it can go on. */
		b = u64_batch(keys + at + 1, NULL, NULL, MANY - at - 1);
		check_batch(fd, GOCHAN_IOC_MAP_DELETE_MANY, &b, 0,
			    MANY - at - 1);
		check_entries(fd, 0);
		close(fd);
	}
}

TEST(delete_many_tells_which_keys_were_there)
{
	unsigned int i;
	int fd;

	fill_u64();
	fd = new_u64_map();
	for (i = 0; i < MANY; i++)
		if (i % 3)
			EXPECT_EQ(0, put_u64(fd, keys[i], values[i]));
	keys[5] = keys[4];
	poison(found, sizeof(found));
	EXPECT_EQ(MANY, delete_many_u64(fd, keys, found, MANY));
	for (i = 0; i < MANY; i++)
		EXPECT_EQ(i != 5 && i % 3, found[i]);
	check_entries(fd, 1);
	check_u64(fd, scramble(5), 5);
}

TEST(put_many_stops_at_the_first_key_it_must_not_put)
{
	struct gochan_map_batch b;
	int fd;

	fill_u64();
	fd = new_u64_map();
	EXPECT_EQ(0, put_u64(fd, keys[700], 1));
	b = u64_batch(keys, values, NULL, MANY);
	b.flags = GOCHAN_MAP_PUT_NEW;
	check_batch(fd, GOCHAN_IOC_MAP_PUT_MANY, &b, -EEXIST, 700);
	check_entries(fd, 701);
	check_u64(fd, keys[700], 1);
	check_absent(fd, keys[701]);
	b.flags = GOCHAN_MAP_PUT_EXISTING;
	check_batch(fd, GOCHAN_IOC_MAP_PUT_MANY, &b, -ENOENT, 701);
	check_entries(fd, 701);
	check_u64(fd, keys[700], 700);
	b.flags = GOCHAN_MAP_PUT_NEW | GOCHAN_MAP_PUT_EXISTING;
	check_batch(fd, GOCHAN_IOC_MAP_PUT_MANY, &b, -EINVAL, 0);
	check_entries(fd, 701);
}

TEST(put_many_stops_at_max_entries)
{
	struct gochan_map_batch b;
	int fd;

	fill_u64();
	fd = map_create_limited(0, 8, 8, 0, 300);
	ASSERT_LE(0, fd);
	keys[100] = keys[0];
	b = u64_batch(keys, values, NULL, MANY);
	check_batch(fd, GOCHAN_IOC_MAP_PUT_MANY, &b, -E2BIG, 301);
	check_entries(fd, 300);
	check_u64(fd, keys[0], 100);
	check_u64(fd, keys[300], 300);
	check_absent(fd, keys[301]);
}

/* Packed keys of variable length: key i is i bytes of i. */
static void fill_varlen(char *packed, __u32 *lens, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		lens[i] = i % 65;
		memset(packed + i * 64, i, lens[i]);
	}
}

TEST(varlen_batches_have_lengths_beside_the_keys)
{
	static char packed[256 * 64], keys_out[256 * 64];
	struct gochan_map_iter it = { 0 };
	__u32 lens[256], lens_out[256];
	struct gochan_map_batch b;
	unsigned int i, n = 65;
	int fd, got;

	fd = new_map(GOCHAN_MAP_VARLEN, 64, 8);
	poison(packed, sizeof(packed));
	fill_varlen(packed, lens, n);
	fill_u64();
	b = u64_batch(packed, values, NULL, n);
	b.key_lens = (uintptr_t)lens;
	b.key_size = 64;
	check_batch(fd, GOCHAN_IOC_MAP_PUT_MANY, &b, 0, n);
	check_entries(fd, n);
	for (i = 0; i < n; i++) {
		EXPECT_EQ(0, map_get(fd, packed + i * 64, lens[i], out, 8));
		EXPECT_EQ(i, out[0]);
	}
	b.values = (uintptr_t)out;
	check_batch(fd, GOCHAN_IOC_MAP_GET_MANY, &b, 0, n);
	EXPECT_EQ(0, memcmp(out, values, n * 8));

	poison(keys_out, sizeof(keys_out));
	got = iterate(fd, &it, keys_out, 64, lens_out, out, 8, 256);
	EXPECT_EQ(n, got);
	for (i = 0; i < n; i++) {
		__u64 at = out[i];

		ASSERT_GT(n, at);
		EXPECT_EQ(lens[at], lens_out[i]);
		EXPECT_EQ(0, memcmp(keys_out + i * 64, packed + at * 64,
				    lens[at]));
		/* What lies behind a key is nobody's old data. */
		EXPECT_TRUE(is_filled(keys_out + i * 64 + lens[at], 0,
				      64 - lens[at]));
	}

	/* A length that cannot be stops the batch where it is. */
	lens[40] = 65;
	check_batch(fd, GOCHAN_IOC_MAP_PUT_MANY, &b, -EINVAL, 40);
	check_batch(fd, GOCHAN_IOC_MAP_GET_MANY, &b, -EINVAL, 40);
	b.values = 0;
	b.value_size = 0;
	lens[40] = UINT_MAX;
	check_batch(fd, GOCHAN_IOC_MAP_DELETE_MANY, &b, -EINVAL, 40);
	check_entries(fd, n - 40);
}

TEST(batches_of_large_values)
{
	static unsigned char in[5 * 65536], back[5 * 65536];
	struct gochan_map_iter it = { 0 };
	struct gochan_map_batch b;
	unsigned int i, n = 0;
	int fd, got;

	fill_u64();
	for (i = 0; i < sizeof(in); i++)
		in[i] = i * 13 + (i >> 8) + (i >> 16);
	fd = new_map(0, 8, 65536);
	b = u64_batch(keys, in, NULL, 5);
	b.value_size = 65536;
	check_batch(fd, GOCHAN_IOC_MAP_PUT_MANY, &b, 0, 5);
	b.values = (uintptr_t)back;
	check_batch(fd, GOCHAN_IOC_MAP_GET_MANY, &b, 0, 5);
	EXPECT_EQ(0, memcmp(in, back, sizeof(in)));
	poison(back, sizeof(back));
	while ((got = iterate(fd, &it, out + n, 8, NULL, back + n * 65536,
			      65536, 5 - n ?: 1)) > 0)
		n += got;
	EXPECT_EQ(0, got);
	EXPECT_EQ(5, n);
	for (i = 0; i < n; i++) {
		unsigned int at = 0;

		while (at < 5 && keys[at] != out[i])
			at++;
		ASSERT_GT(5, at);
		EXPECT_EQ(0, memcmp(back + i * 65536, in + at * 65536, 65536));
	}
}

TEST(batches_across_growth)
{
	unsigned int n = scaled(200000, 10000), i;
	struct gochan_map_info info;
	__u64 *k, *v;
	int fd;

	k = calloc(n, 8);
	v = calloc(n, 8);
	ASSERT_NE(NULL, k);
	ASSERT_NE(NULL, v);
	for (i = 0; i < n; i++) {
		k[i] = scramble(i);
		v[i] = i;
	}
	fd = new_u64_map();
	EXPECT_EQ(n, put_many_u64(fd, k, v, n));
	check_entries(fd, n);
	EXPECT_EQ(0, map_info(fd, &info));
	EXPECT_LT(n / 896, info.tables);
	memset(v, 0, n * 8);
	EXPECT_EQ(n, get_many_u64(fd, k, v, NULL, n));
	for (i = 0; i < n; i++)
		ASSERT_EQ(i, v[i]);
	EXPECT_EQ(n, delete_many_u64(fd, k, NULL, n));
	check_entries(fd, 0);
	free(k);
	free(v);
}

/* Iteration. */

/* Iterate to the end, @count at a time; how often each of 0..@n was seen. */
static int count_seen(int fd, struct gochan_map_iter *it, unsigned char *seen,
		      unsigned int n, __u32 count)
{
	__u64 *k = calloc(count, 8), *v = calloc(count, 8);
	int got, total = 0, i;

	if (!k || !v)
		abort();
	while ((got = iterate_u64(fd, it, k, v, count)) > 0) {
		for (i = 0; i < got; i++) {
			if (v[i] < n && k[i] == scramble(v[i]))
				seen[v[i]]++;
		}
		total += got;
	}
	free(k);
	free(v);
	return got ?: total;
}

FIXTURE(iter) {
	int fd;
	unsigned int n;
	unsigned char *seen;
	struct gochan_map_iter it;
};

FIXTURE_VARIANT(iter) {
	unsigned int n;
	__u32 count;
};

FIXTURE_VARIANT_ADD(iter, 1_by_1) {
	.n = 1,
	.count = 1,
};

FIXTURE_VARIANT_ADD(iter, 3_by_1) {
	.n = 3,
	.count = 1,
};

FIXTURE_VARIANT_ADD(iter, 8_by_100) {
	.n = 8,
	.count = 100,
};

FIXTURE_VARIANT_ADD(iter, 100_by_1) {
	.n = 100,
	.count = 1,
};

FIXTURE_VARIANT_ADD(iter, 100_by_7) {
	.n = 100,
	.count = 7,
};

FIXTURE_VARIANT_ADD(iter, 1000_by_1) {
	.n = 1000,
	.count = 1,
};

FIXTURE_VARIANT_ADD(iter, 3000_by_31) {
	.n = 3000,
	.count = 31,
};

FIXTURE_VARIANT_ADD(iter, 3000_by_32) {
	.n = 3000,
	.count = 32,
};

FIXTURE_VARIANT_ADD(iter, 3000_by_33) {
	.n = 3000,
	.count = 33,
};

FIXTURE_VARIANT_ADD(iter, 3000_by_257) {
	.n = 3000,
	.count = 257,
};

FIXTURE_VARIANT_ADD(iter, 3000_by_3000) {
	.n = 3000,
	.count = 3000,
};

FIXTURE_VARIANT_ADD(iter, 3000_by_100000) {
	.n = 3000,
	.count = 100000,
};

FIXTURE_SETUP(iter)
{
	unsigned int i;

	self->fd = new_u64_map();
	self->n = variant->n;
	self->seen = calloc(1, self->n);
	ASSERT_NE(NULL, self->seen);
	for (i = 0; i < self->n; i++)
		ASSERT_EQ(0, put_u64(self->fd, scramble(i), i));
}

FIXTURE_TEARDOWN(iter)
{
	free(self->seen);
	close(self->fd);
}

TEST_F(iter, produces_each_entry_once)
{
	EXPECT_EQ(self->n, count_seen(self->fd, &self->it, self->seen, self->n,
				      variant->count));
	EXPECT_TRUE(is_filled(self->seen, 1, self->n));
	/* The end stays the end. */
	EXPECT_EQ(0, iterate_u64(self->fd, &self->it, out, NULL, 10));
}

/* The map grows to many times its size between two steps. */
TEST_F(iter, goes_on_across_growth)
{
	unsigned int i, end = scaled(20, 3) * self->n;
	int got;

	got = iterate_u64(self->fd, &self->it, keys, values, 1);
	ASSERT_EQ(1, got);
	self->seen[values[0]]++;
	for (i = self->n; i < end; i++)
		ASSERT_EQ(0, put_u64(self->fd, scramble(i), i));
	EXPECT_LE(0, count_seen(self->fd, &self->it, self->seen, self->n,
				variant->count));
	EXPECT_TRUE(is_filled(self->seen, 1, self->n));
}

/* All but every tenth entry go, among them those the cursor stands on. */
TEST_F(iter, goes_on_across_deletion)
{
	unsigned int i, before = 0;
	int got;

	got = iterate_u64(self->fd, &self->it, keys, values,
			  variant->count < MANY ? variant->count : MANY);
	for (i = 0; (int)i < got; i++)
		self->seen[values[i]]++;
	for (i = 0; i < self->n; i++)
		if (i % 10)
			ASSERT_EQ(0, delete_u64(self->fd, scramble(i)));
	before = got;
	got = count_seen(self->fd, &self->it, self->seen, self->n,
			 variant->count);
	EXPECT_LE(0, got);
	/* None that was deleted before it was reached, all that stayed. */
	EXPECT_GE(before + self->n / 10 + 1, before + got);
	for (i = 0; i < self->n; i += 10)
		EXPECT_EQ(1, self->seen[i]);
}

TEST_F(iter, has_the_latest_values)
{
	unsigned int i, n = 0;
	int got;

	got = iterate_u64(self->fd, &self->it, keys, values, 1);
	ASSERT_EQ(1, got);
	for (i = 0; i < self->n; i++)
		ASSERT_EQ(0, put_u64(self->fd, scramble(i), i + 1000000));
	while ((got = iterate_u64(self->fd, &self->it, keys, values,
				  variant->count < MANY ? variant->count :
				  MANY)) > 0) {
		for (i = 0; (int)i < got; i++) {
			EXPECT_LE(1000000, values[i]);
			n++;
		}
	}
	EXPECT_EQ(self->n - 1, n);
}

TEST(iteration_of_an_empty_map_ends_at_once)
{
	struct gochan_map_iter it = { 0 };
	int fd;

	fd = new_u64_map();
	EXPECT_EQ(0, iterate_u64(fd, &it, out, NULL, MANY));
	EXPECT_EQ(0, it.done);
	EXPECT_EQ(0, put_u64(fd, 1, 1));
	/* Where it has ended, nothing comes any more. */
	EXPECT_EQ(0, iterate_u64(fd, &it, out, NULL, MANY));
	memset(&it, 0, sizeof(it));
	EXPECT_EQ(1, iterate_u64(fd, &it, out, NULL, MANY));
}

/* Room for all there can be is asked for by who knows that it is enough. */
TEST(iteration_of_the_largest_count_brings_all)
{
	static __u64 all[3 * MANY];
	struct gochan_map_iter it = { 0 };
	unsigned int i;
	int fd;

	fd = new_u64_map();
	for (i = 0; i < 3 * MANY; i++)
		EXPECT_EQ(0, put_u64(fd, i, i));
	EXPECT_EQ(3 * MANY, iterate_u64(fd, &it, all, NULL, UINT32_MAX));
	EXPECT_EQ(0, iterate_u64(fd, &it, all, NULL, UINT32_MAX));
}

TEST(iteration_order_is_another_each_time)
{
	struct gochan_map_iter it;
	unsigned int i, starts = 0;
	__u64 first[3] = { 0 };
	int fd;

	fd = new_u64_map();
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, put_u64(fd, i, i));
	/* Each of three entries comes first some time. */
	for (i = 0; i < 1000 && starts < 3; i++) {
		memset(&it, 0, sizeof(it));
		ASSERT_EQ(1, iterate_u64(fd, &it, out, NULL, 1));
		ASSERT_GT(3, out[0]);
		starts += !first[out[0]]++;
	}
	EXPECT_EQ(3, starts);
}

/*
 * Of each two of a few entries either comes first, of any map and however many
 * are asked for. Each does in half of the iterations: that there are fewer than
 * 20 of 128 such has a probability below 2^-50.
 */
TEST(either_of_two_entries_comes_first)
{
	static const __u32 counts[] = { 1, 2, 100 };
	unsigned int maps = scaled(40, 4), m, c, n, i, round;

	for (m = 0; m < maps; m++) {
		__u32 count = counts[m % 3];
		int fd = new_u64_map();

		for (n = 2; n < 5; n++) {
			unsigned int before[4] = { 0 }, at[4] = { 0 };

			for (i = 0; i < n; i++)
				ASSERT_EQ(0, put_u64(fd, i, i));
			for (round = 0; round < 128; round++) {
				struct gochan_map_iter it = { 0 };
				unsigned int got = 0;
				int ret;

				while ((ret = iterate_u64(fd, &it, out + got,
							  NULL, count)) > 0)
					got += ret;
				ASSERT_EQ(0, ret);
				ASSERT_EQ(n, got);
				for (c = 0; c < n; c++) {
					ASSERT_GT(n, out[c]);
					at[out[c]] = c;
				}
				for (i = 0; i + 1 < n; i++)
					before[i] += at[i] < at[i + 1];
			}
			for (i = 0; i + 1 < n; i++) {
				EXPECT_LE(20, before[i]);
				EXPECT_GE(108, before[i]);
			}
		}
		close(fd);
	}
}

/*
 * Values that a round of the kernel's has not room for: each comes once, with
 * its key. Deleting what has come does not end an iteration early.
 */
TEST(iteration_of_large_values_brings_each_once)
{
	static const struct {
		__u32 flags, value_size, count;
	} cases[] = {
		{ 0, 4096, 1 }, { 0, 4096, 10 }, { 0, 4096, 1000 },
		{ 0, 65536, 50 }, { 0, 200, 1000 },
		{ GOCHAN_MAP_VARLEN, 4096, 1000 },
	};
	unsigned int n = 100, i, j;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		__u32 size = cases[i].value_size, count = cases[i].count;
		__u32 *lens = calloc(count, sizeof(*lens));
		bool varlen = cases[i].flags & GOCHAN_MAP_VARLEN;
		char *v = calloc(count, size), *seen = calloc(n, 1);
		__u64 *k = calloc(count, sizeof(*k));
		struct gochan_map_iter it = { 0 };
		int fd = new_map(cases[i].flags, 8, size), got;
		unsigned int total = 0;

		ASSERT_NE(NULL, lens);
		ASSERT_NE(NULL, v);
		ASSERT_NE(NULL, seen);
		ASSERT_NE(NULL, k);
		for (j = 0; j < n; j++) {
			__u64 key = scramble(j);

			memset(v, j, size);
			ASSERT_EQ(0, map_put(fd, &key, 8, v, size, 0));
		}
		while ((got = iterate(fd, &it, k, 8, varlen ? lens : NULL, v,
				      size, count)) > 0) {
			for (j = 0; (int)j < got; j++) {
				unsigned int id = (unsigned char)v[j * size];

				ASSERT_GT(n, id);
				EXPECT_EQ(scramble(id), k[j]);
				EXPECT_TRUE(is_filled(v + j * size, id, size));
				EXPECT_EQ(0, seen[id]++);
				if (varlen)
					EXPECT_EQ(8, lens[j]);
				EXPECT_EQ(0, map_delete(fd, &k[j], 8));
			}
			total += got;
		}
		EXPECT_EQ(0, got);
		EXPECT_EQ(n, total);
		check_entries(fd, 0);
		close(fd);
		free(lens);
		free(v);
		free(seen);
		free(k);
	}
}

TEST(cursor_is_plain_data)
{
	struct gochan_map_iter it = { 0 }, copy;
	unsigned int i, rounds = scaled(1000, 50);
	__u64 again[10];
	int fd, got;

	fd = new_u64_map();
	for (i = 0; i < MANY; i++)
		EXPECT_EQ(0, put_u64(fd, i, i));
	check_iterated(iterate_u64(fd, &it, out, NULL, 10), 10);
	copy = it;
	got = iterate_u64(fd, &it, out, NULL, 10);
	check_iterated(got, 10);
	ASSERT_EQ(got, iterate_u64(fd, &copy, again, NULL, 10));
	EXPECT_EQ(0, memcmp(out, again, got * sizeof(*again)));
	/* One made up is as good as any. */
	for (i = 0; i < rounds; i++) {
		it.cursor[0] = scramble(2 * i);
		it.cursor[1] = scramble(2 * i + 1) >> i % 64;
		got = iterate_u64(fd, &it, out, NULL, 1 + i % MANY);
		EXPECT_LE(0, got);
		EXPECT_GE(1 + i % MANY, got);
	}
}

TEST(iteration_after_clear_ends_or_sees_the_new)
{
	struct gochan_map_iter it = { 0 };
	unsigned int i;
	int fd, got;

	fd = new_u64_map();
	for (i = 0; i < MANY; i++)
		EXPECT_EQ(0, put_u64(fd, i, i));
	check_iterated(iterate_u64(fd, &it, out, NULL, 10), 10);
	EXPECT_EQ(0, map_clear(fd));
	for (i = 0; i < 10; i++)
		EXPECT_EQ(0, put_u64(fd, MANY + i, i));
	while ((got = iterate_u64(fd, &it, out, NULL, 3)) > 0) {
		for (i = 0; (int)i < got; i++)
			EXPECT_LE(MANY, out[i]);
	}
	EXPECT_EQ(0, got);
}

TEST_HARNESS_MAIN
