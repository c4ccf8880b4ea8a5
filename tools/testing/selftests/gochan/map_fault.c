// SPDX-License-Identifier: GPL-2.0
/*
 * Maps where something is missing: bad user memory, used-up quotas, failing
 * allocations. Every call fails with the right error, and no entry is lost,
 * changed or half-written.
 */

#include "map_test.h"
#include "page_test.h"
#include "quota_test.h"

/* Memory that cannot be read. */

FIXTURE(bad_src) {
	int fd;
	void *bad;
	__u64 key;
	__u64 value;
};

FIXTURE_VARIANT(bad_src) {
	bool mapped;
	int offset;
};

FIXTURE_VARIANT_ADD(bad_src, unmapped) {
	.offset = 0,
};

FIXTURE_VARIANT_ADD(bad_src, no_access) {
	.mapped = true,
};

FIXTURE_VARIANT_ADD(bad_src, tail_no_access) {
	.mapped = true,
	.offset = -4,
};

FIXTURE_SETUP(bad_src)
{
	unsigned char *bad;

	bad = variant->mapped ? bad_page(PROT_NONE) : unmapped_page();
	self->bad = bad + variant->offset;
	self->fd = new_u64_map();
	self->key = 1;
	self->value = 10;
	ASSERT_EQ(0, put_u64(self->fd, 1, 10));
}

FIXTURE_TEARDOWN(bad_src)
{
	close(self->fd);
}

TEST_F(bad_src, key_changes_nothing)
{
	__u64 value = 10, sum;

	EXPECT_EQ(-EFAULT, map_get(self->fd, self->bad, 8, &value, 8));
	EXPECT_EQ(-EFAULT, map_put(self->fd, self->bad, 8, &value, 8, 0));
	EXPECT_EQ(-EFAULT, map_delete(self->fd, self->bad, 8));
	EXPECT_EQ(-EFAULT, map_take(self->fd, self->bad, 8, &value, 8));
	EXPECT_EQ(-EFAULT, map_cas(self->fd, self->bad, 8, &value, &value, 8));
	EXPECT_EQ(-EFAULT, map_add(self->fd, self->bad, 8, 1,
				   GOCHAN_MAP_ADD_CREATE, &sum));
	EXPECT_EQ(10, value);
	check_entries(self->fd, 1);
	check_u64(self->fd, 1, 10);
}

TEST_F(bad_src, value_changes_nothing)
{
	__u64 other = 2, expected = 10;

	EXPECT_EQ(-EFAULT, map_put(self->fd, &self->key, 8, self->bad, 8, 0));
	EXPECT_EQ(-EFAULT, map_put(self->fd, &other, 8, self->bad, 8, 0));
	EXPECT_EQ(-EFAULT, map_cas(self->fd, &self->key, 8, self->bad,
				   &self->value, 8));
	EXPECT_EQ(-EFAULT, map_cas(self->fd, &self->key, 8, &expected,
				   self->bad, 8));
	EXPECT_EQ(10, expected);
	check_entries(self->fd, 1);
	check_u64(self->fd, 1, 10);
}

/* Memory that cannot be written. */

FIXTURE(bad_dst) {
	int fd;
	void *bad;
	__u64 key;
};

FIXTURE_VARIANT(bad_dst) {
	bool mapped;
	int prot;
	int offset;
};

FIXTURE_VARIANT_ADD(bad_dst, unmapped) {
	.offset = 0,
};

FIXTURE_VARIANT_ADD(bad_dst, read_only) {
	.mapped = true,
	.prot = PROT_READ,
};

FIXTURE_VARIANT_ADD(bad_dst, last_byte_read_only) {
	.mapped = true,
	.prot = PROT_READ,
	.offset = -7,
};

FIXTURE_SETUP(bad_dst)
{
	unsigned char *bad;

	bad = variant->mapped ? bad_page(variant->prot) : unmapped_page();
	self->bad = bad + variant->offset;
	self->fd = new_u64_map();
	self->key = 1;
	ASSERT_EQ(0, put_u64(self->fd, 1, 0));
}

FIXTURE_TEARDOWN(bad_dst)
{
	close(self->fd);
}

TEST_F(bad_dst, get_and_take_leave_the_entry)
{
	EXPECT_EQ(-EFAULT, map_get(self->fd, &self->key, 8, self->bad, 8));
	EXPECT_EQ(-EFAULT, map_take(self->fd, &self->key, 8, self->bad, 8));
	check_entries(self->fd, 1);
	check_u64(self->fd, 1, 0);
}

/* Where it can be read it is even the right value, 0. */
TEST_F(bad_dst, cas_swaps_nothing)
{
	__u64 value = 5;

	EXPECT_EQ(-EFAULT, map_cas(self->fd, &self->key, 8, self->bad, &value,
				   8));
	check_u64(self->fd, 1, 0);
}

TEST(large_values_with_a_bad_page_change_nothing)
{
	unsigned char *good, *bad;
	__u64 key = 1, other = 2;
	int fd;

	page = sysconf(_SC_PAGESIZE);
	good = shared_alloc(65536 + page);
	bad = shared_alloc(65536 + page);
	memset(good, 7, 65536);
	ASSERT_EQ(0, munmap(bad + 65536 - page, page));
	fd = new_map(0, 8, 65536);
	EXPECT_EQ(0, map_put(fd, &key, 8, good, 65536, 0));
	EXPECT_EQ(-EFAULT, map_put(fd, &key, 8, bad, 65536, 0));
	EXPECT_EQ(-EFAULT, map_put(fd, &other, 8, bad, 65536, 0));
	EXPECT_EQ(-EFAULT, map_take(fd, &key, 8, bad, 65536));
	EXPECT_EQ(-EFAULT, map_get(fd, &key, 8, bad, 65536));
	EXPECT_EQ(-EFAULT, map_cas(fd, &key, 8, good, bad, 65536));
	EXPECT_EQ(-EFAULT, map_cas(fd, &key, 8, bad, good, 65536));
	check_entries(fd, 1);
	poison(good, 65536);
	EXPECT_EQ(0, map_take(fd, &key, 8, good, 65536));
	EXPECT_TRUE(is_filled(good, 7, 65536));
}

/* The structures themselves. */

TEST(add_with_read_only_struct_adds_nothing)
{
	struct gochan_map_add add = {
		.size = sizeof(add),
		.flags = GOCHAN_MAP_ADD_CREATE,
		.delta = 1,
		.key_len = 8,
	};
	unsigned char *mem = three_pages();
	__u64 key = 1;
	int fd;

	fd = new_u64_map();
	EXPECT_EQ(0, put_u64(fd, 1, 41));
	add.key = (uintptr_t)&key;
	memcpy(mem + page, &add, sizeof(add));
	/* Also with only @sum behind the border. */
	memcpy(mem + 2 * page - offsetof(struct gochan_map_add, sum), &add,
	       sizeof(add));
	ASSERT_EQ(0, mprotect(mem + 2 * page, page, PROT_READ));
	EXPECT_EQ(-EFAULT, chan_ioctl(fd, GOCHAN_IOC_MAP_ADD, mem + 2 * page -
				      offsetof(struct gochan_map_add, sum)));
	ASSERT_EQ(0, mprotect(mem + page, page, PROT_READ));
	EXPECT_EQ(-EFAULT, chan_ioctl(fd, GOCHAN_IOC_MAP_ADD, mem + page));
	check_entries(fd, 1);
	check_u64(fd, 1, 41);
}

TEST(batches_with_read_only_struct_change_nothing)
{
	__u64 keys[2] = { 1, 2 }, values[2] = { 10, 20 };
	unsigned char *mem = three_pages();
	struct gochan_map_batch b;
	int fd;

	fd = new_u64_map();
	EXPECT_EQ(0, put_u64(fd, 1, 1));
	b = u64_batch(keys, values, NULL, 2);
	memcpy(mem + page, &b, sizeof(b));
	b = u64_batch(keys, NULL, NULL, 1);
	memcpy(mem + page + 256, &b, sizeof(b));
	ASSERT_EQ(0, mprotect(mem + page, page, PROT_READ));
	EXPECT_EQ(-EFAULT, chan_ioctl(fd, GOCHAN_IOC_MAP_PUT_MANY, mem + page));
	EXPECT_EQ(-EFAULT, chan_ioctl(fd, GOCHAN_IOC_MAP_DELETE_MANY,
				      mem + page + 256));
	check_entries(fd, 1);
	check_u64(fd, 1, 1);
}

/* Batches with arrays that end somewhere. */

#define MANY	1000

static __u64 keys[MANY], values[MANY], out[MANY];

/* A copy of @len bytes that runs into a bad page @border bytes before its end */
static void *bordering(const void *from, size_t len, size_t border, int prot)
{
	size_t size;
	unsigned char *mem, *bad;

	page = sysconf(_SC_PAGESIZE);
	size = (len / page + 2) * page;
	mem = shared_alloc(2 * size + SHARED_MIN);
	bad = mem + size;
	memcpy(bad - (len - border), from, len);
	if (prot < 0 ? munmap(bad, size) : mprotect(bad, size, prot))
		abort();
	return bad - (len - border);
}

FIXTURE(border) {
	int fd;
	unsigned int good;
	size_t rest;
};

FIXTURE_VARIANT(border) {
	unsigned int good;	/* whole entries before the bad page */
	unsigned int bytes;	/* and bytes of the next one */
};

FIXTURE_VARIANT_ADD(border, at_the_start) {
	.good = 0,
};

FIXTURE_VARIANT_ADD(border, in_the_first) {
	.good = 0,
	.bytes = 5,
};

FIXTURE_VARIANT_ADD(border, early) {
	.good = 37,
	.bytes = 1,
};

FIXTURE_VARIANT_ADD(border, between_rounds) {
	.good = 256,
};

FIXTURE_VARIANT_ADD(border, late) {
	.good = 700,
	.bytes = 7,
};

FIXTURE_VARIANT_ADD(border, in_the_last) {
	.good = MANY - 1,
	.bytes = 4,
};

FIXTURE_SETUP(border)
{
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		keys[i] = scramble(i);
		values[i] = i;
	}
	self->fd = new_u64_map();
	self->good = variant->good;
	self->rest = (MANY - variant->good) * 8 - variant->bytes;
}

FIXTURE_TEARDOWN(border)
{
	close(self->fd);
}

#define check_stopped(cmd, b, err, done_)				\
	do {								\
		struct gochan_map_batch *__b = b;			\
									\
		__b->done = POISON_U32;					\
		EXPECT_EQ(err, chan_ioctl(self->fd, cmd, __b));		\
		EXPECT_EQ(done_, __b->done);				\
	} while (0)

TEST_F(border, of_keys_is_exact)
{
	void *bad = bordering(keys, sizeof(keys), self->rest, -1);
	struct gochan_map_batch b;

	b = u64_batch(bad, values, NULL, MANY);
	check_stopped(GOCHAN_IOC_MAP_PUT_MANY, &b, -EFAULT, self->good);
	check_entries(self->fd, self->good);
	b.values = (uintptr_t)out;
	check_stopped(GOCHAN_IOC_MAP_GET_MANY, &b, -EFAULT, self->good);
	EXPECT_EQ(0, memcmp(out, values, self->good * 8));
	b = u64_batch(bad, NULL, NULL, MANY);
	check_stopped(GOCHAN_IOC_MAP_DELETE_MANY, &b, -EFAULT, self->good);
	check_entries(self->fd, 0);
}

TEST_F(border, of_values_is_exact)
{
	void *bad = bordering(values, sizeof(values), self->rest, PROT_NONE);
	struct gochan_map_batch b;
	unsigned int i;

	b = u64_batch(keys, bad, NULL, MANY);
	check_stopped(GOCHAN_IOC_MAP_PUT_MANY, &b, -EFAULT, self->good);
	check_entries(self->fd, self->good);
	for (i = 0; i < self->good; i++)
		check_u64(self->fd, keys[i], i);
}

TEST_F(border, of_results_is_exact)
{
	void *bad = bordering(values, sizeof(values), self->rest, PROT_READ);
	struct gochan_map_batch b;

	EXPECT_EQ(MANY, put_many_u64(self->fd, keys, values, MANY));
	memset(bad, 0, self->good * 8);
	b = u64_batch(keys, bad, NULL, MANY);
	check_stopped(GOCHAN_IOC_MAP_GET_MANY, &b, -EFAULT, self->good);
	EXPECT_EQ(0, memcmp(bad, values, self->good * 8));
}

/* Whatever was deleted is accounted for, or else still there. */
TEST_F(border, of_found_loses_nothing)
{
	static __u8 found[MANY];
	struct gochan_map_batch b;
	__u8 *bad;

	poison(found, sizeof(found));
	bad = bordering(found, MANY, MANY - self->good, PROT_READ);
	EXPECT_EQ(MANY, put_many_u64(self->fd, keys, values, MANY));
	b = u64_batch(keys, NULL, bad, MANY);
	b.done = POISON_U32;
	EXPECT_EQ(-EFAULT, chan_ioctl(self->fd, GOCHAN_IOC_MAP_DELETE_MANY,
				      &b));
	EXPECT_GE(self->good, b.done);
	EXPECT_TRUE(is_filled(bad, 1, b.done));
	EXPECT_TRUE(is_poison(bad + b.done, MANY - b.done));
	check_entries(self->fd, MANY - b.done);
	/* Looking up can stop at the very place. */
	EXPECT_EQ(MANY, put_many_u64(self->fd, keys, values, MANY));
	b = u64_batch(keys, NULL, bad, MANY);
	check_stopped(GOCHAN_IOC_MAP_GET_MANY, &b, -EFAULT, self->good);
}

/* What an iteration could not deliver comes again, all of it. */
TEST_F(border, of_an_iteration_loses_nothing)
{
	static unsigned char seen[MANY];
	struct gochan_map_iter it = { 0 };
	unsigned int i, total = 0;
	__u64 *bad;
	int got;

	EXPECT_EQ(MANY, put_many_u64(self->fd, keys, values, MANY));
	bad = bordering(out, sizeof(out), self->rest, -1);
	/* A call may bring less than there is room for, and not get so far. */
	while ((got = iterate_u64(self->fd, &it, keys + total, bad + total,
				  MANY - total)) > 0)
		total += got;
	EXPECT_EQ(-EFAULT, got);
	total += it.done;
	ASSERT_GE(self->good, total);
	memset(seen, 0, sizeof(seen));
	for (i = 0; i < total; i++) {
		ASSERT_GT(MANY, bad[i]);
		EXPECT_EQ(scramble(bad[i]), keys[i]);
		seen[bad[i]]++;
	}
	while ((got = iterate_u64(self->fd, &it, keys, out, MANY)) > 0) {
		for (i = 0; (int)i < got; i++)
			seen[out[i]]++;
		total += got;
	}
	EXPECT_EQ(0, got);
	EXPECT_EQ(MANY, total);
	EXPECT_TRUE(is_filled(seen, 1, MANY));
}

/* Also where the whole batch is no longer than one long key. */
TEST(border_of_a_short_batch_is_exact)
{
	static const __u32 two[2] = { 1, 2 };
	struct gochan_map_batch b = {
		.size = sizeof(b),
		.keys = (uintptr_t)two,
		.values = (uintptr_t)two,
		.key_size = sizeof(two[0]),
		.value_size = sizeof(two[0]),
		.count = 2,
	};
	__u32 *got, back[2] = { 0 };
	int fd;

	fd = new_map(0, sizeof(two[0]), sizeof(two[0]));
	b.keys = (uintptr_t)bordering(two, sizeof(two), 4, -1);
	EXPECT_EQ(-EFAULT, chan_ioctl(fd, GOCHAN_IOC_MAP_PUT_MANY, &b));
	EXPECT_EQ(1, b.done);
	b.keys = (uintptr_t)two;
	EXPECT_EQ(0, chan_ioctl(fd, GOCHAN_IOC_MAP_PUT_MANY, &b));
	got = bordering(back, sizeof(back), 4, -1);
	b.values = (uintptr_t)got;
	EXPECT_EQ(-EFAULT, chan_ioctl(fd, GOCHAN_IOC_MAP_GET_MANY, &b));
	EXPECT_EQ(1, b.done);
	EXPECT_EQ(1, got[0]);
}

/* Quotas. */

/* A user nobody else is. */
#define USER		51968

FIXTURE(quota) {
	struct quota_limits limits;
	bool usable;
};

FIXTURE_SETUP(quota)
{
	self->usable = quota_save(&self->limits);
}

FIXTURE_TEARDOWN(quota)
{
	if (!self->usable)
		return;
	EXPECT_EQ(0, quota_restore(&self->limits));
}

/* What a peer returns in the end: the line of its first failure, or 0. */
static int first_failure;

static void note(bool good, int line)
{
	if (!good && !first_failure)
		first_failure = 10000 + line;
}

#define CHECK(cond)	note(cond, __LINE__)

/* Fill a map of @value_size until that fails; how many entries it has then. */
static __u64 fill_up(int fd, __u32 value_size, int *error)
{
	static char value[65536];
	__u64 key;

	for (key = 0; ; key++) {
		__u64 mixed = scramble(key);

		*error = map_put(fd, &mixed, 8, value, value_size, 0);
		if (*error)
			return key;
	}
}

/* In: @value: size of values. Out: @count: entries that fit. */
static int peer_fill(struct peer *peer)
{
	__u64 key, mixed, again, sum;
	struct gochan_map_info info;
	char value[65536];
	int fd, error, hinted;

	if (!become(USER))
		return PEER_FAILED;
	fd = map_create(0, 8, peer->value);
	CHECK(fd >= 0);
	peer->count = fill_up(fd, peer->value, &error);
	CHECK(error == -EDQUOT && peer->count);
	CHECK(!map_info(fd, &info));
	CHECK(info.entries == peer->count && info.bytes <= info.charged);

	/* What is there can be read, overwritten, counted and taken. */
	mixed = scramble(peer->count);
	CHECK(map_put(fd, &mixed, 8, value, peer->value, 0) == -EDQUOT);
	CHECK(map_get(fd, &mixed, 8, NULL, 0) == -ENOENT);
	for (key = 0; key < peer->count; key++) {
		mixed = scramble(key);
		CHECK(!map_get(fd, &mixed, 8, value, peer->value));
		CHECK(!map_put(fd, &mixed, 8, value, peer->value, 0));
		CHECK(map_put(fd, &mixed, 8, value, peer->value,
			      GOCHAN_MAP_PUT_NEW) == -EEXIST);
		if (peer->value == 8)
			CHECK(!map_add(fd, &mixed, 8, 1,
				       GOCHAN_MAP_ADD_CREATE, &sum));
	}
	mixed = scramble(peer->count);
	if (peer->value == 8)
		CHECK(map_add(fd, &mixed, 8, 1, GOCHAN_MAP_ADD_CREATE, &sum) ==
		      -EDQUOT);
	/* Of a hint there is what fits. */
	hinted = map_create_limited(0, 8, 8, 100000, 0);
	CHECK(hinted == -EDQUOT || (hinted >= 0 && !map_info(hinted, &info) &&
				    info.slots < 100000));
	close(hinted);

	/* What is deleted makes room; clear makes all of it. */
	for (key = 0; key < peer->count; key++) {
		mixed = scramble(key);
		CHECK(!map_delete(fd, &mixed, 8));
	}
	again = fill_up(fd, peer->value, &error);
	CHECK(error == -EDQUOT && again >= peer->count * 9 / 10);
	CHECK(!map_clear(fd));
	again = fill_up(fd, peer->value, &error);
	CHECK(error == -EDQUOT && again >= peer->count * 9 / 10);
	CHECK(!close(fd));

	/* So does closing. */
	fd = map_create(0, 8, peer->value);
	CHECK(fd >= 0);
	again = fill_up(fd, peer->value, &error);
	CHECK(error == -EDQUOT && again >= peer->count * 9 / 10);
	return first_failure;
}

TEST_F_TIMEOUT(quota, limits_what_a_map_takes, 100)
{
	static const __u32 sizes[] = { 0, 8, 100, 129, 4096, 65536 };
	unsigned int i, bytes = scaled(1 << 20, 1 << 19);
	struct peer *peer;
	char text[16];

	if (!self->usable)
		SKIP(return, "cannot set " BYTES);
	snprintf(text, sizeof(text), "%u", bytes);
	ASSERT_EQ(0, write_text(BYTES, text));
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		peer = peer_start(peer_fill, -1, sizes[i]);
		EXPECT_EQ(0, peer_join(peer));
		/* A sixth of the memory at least is of use. */
		EXPECT_LT(bytes / (8 + sizes[i]) / 6, peer->count);
		EXPECT_GE(bytes / (8 + sizes[i]), peer->count);
	}
}

static int peer_batch_quota(struct peer *peer)
{
	static __u64 k[1 << 18], v[1 << 18];
	struct gochan_map_batch b;
	unsigned int i;
	int fd;

	(void)peer;
	if (!become(USER))
		return PEER_FAILED;
	for (i = 0; i < ARRAY_SIZE(k); i++)
		k[i] = scramble(i);
	fd = map_create(0, 8, 8);
	CHECK(fd >= 0);
	b = u64_batch(k, v, NULL, ARRAY_SIZE(k));
	CHECK(chan_ioctl(fd, GOCHAN_IOC_MAP_PUT_MANY, &b) == -EDQUOT);
	CHECK(b.done && b.done < ARRAY_SIZE(k));
	peer->count = b.done;
	CHECK(has_u64(fd, k[b.done - 1]) == 0);
	CHECK(has_u64(fd, k[b.done]) == -ENOENT);
	b.count = b.done;
	CHECK(chan_ioctl(fd, GOCHAN_IOC_MAP_PUT_MANY, &b) == 0);
	CHECK(b.done == b.count);
	return first_failure;
}

TEST_F(quota, stops_a_batch_exactly)
{
	struct peer *peer;

	if (!self->usable)
		SKIP(return, "cannot set " BYTES);
	ASSERT_EQ(0, write_text(BYTES, "1048576"));
	peer = peer_start(peer_batch_quota, -1, 0);
	EXPECT_EQ(0, peer_join(peer));
	EXPECT_LT(10000, peer->count);
}

static int peer_objects(struct peer *peer)
{
	int fds[8], i;

	(void)peer;
	if (!become(USER))
		return PEER_FAILED;
	for (i = 0; i < 2; i++) {
		fds[i] = map_create(0, 8, 8);
		CHECK(fds[i] >= 0);
	}
	fds[2] = chan_create(0, 8, 1);
	CHECK(fds[2] >= 0);
	CHECK(map_create(0, 8, 8) == -EDQUOT);
	CHECK(chan_create(0, 8, 1) == -EDQUOT);
	CHECK(!close(fds[0]));
	CHECK(map_create(0, 8, 8) >= 0);
	return first_failure;
}

TEST_F(quota, counts_maps_and_channels_as_objects)
{
	struct peer *peer;

	if (!self->usable)
		SKIP(return, "cannot set " OBJECTS);
	ASSERT_EQ(0, write_text(OBJECTS, "3"));
	peer = peer_start(peer_objects, -1, 0);
	EXPECT_EQ(0, peer_join(peer));
}

/* The map is charged to who made it; the capability is the caller's. */
static int peer_foreign_fill(struct peer *peer)
{
	int fd = peer->fd, error;

	if (!become(USER))
		return PEER_FAILED;
	peer->count = fill_up(fd, 8, &error);
	return error;
}

TEST_F(quota, does_not_bind_root)
{
	struct peer *peer;
	__u64 i;
	int fd;

	if (!self->usable)
		SKIP(return, "cannot set " BYTES);
	fd = new_u64_map();
	ASSERT_EQ(0, write_text(BYTES, "1000"));
	for (i = 0; i < 2000; i++)
		EXPECT_EQ(0, put_u64(fd, scramble(i), i));
	check_entries(fd, 2000);
	peer = peer_start(peer_foreign_fill, fd, 0);
	EXPECT_EQ(-EDQUOT, peer_join(peer));
}

/* Give an entry up and put it back, again and again. */
static int peer_swap(struct peer *peer)
{
	static char value[65536];
	__u64 mixed = scramble(peer->value), i;

	if (!become(USER))
		return PEER_FAILED;
	for (i = 0; i < peer->count; i++) {
		CHECK(!map_delete(peer->fd, &mixed, 8));
		CHECK(!map_put(peer->fd, &mixed, 8, value, sizeof(value),
			       GOCHAN_MAP_PUT_NEW));
	}
	return first_failure;
}

static int peer_overwrite(struct peer *peer)
{
	static char value[65536];
	__u64 mixed = scramble(peer->value), i;

	if (!become(USER))
		return PEER_FAILED;
	for (i = 0; i < peer->count; i++)
		CHECK(!map_put(peer->fd, &mixed, 8, value, sizeof(value), 0));
	return first_failure;
}

/* Out: @count: values of 64 KiB that fit. Return what the next one fails with. */
static int peer_full(struct peer *peer)
{
	int error;

	if (!become(USER))
		return PEER_FAILED;
	peer->count = fill_up(peer->fd, 65536, &error);
	return error;
}

/* Let several tasks do @fn in a map that is as large as it may be. */
static void in_a_full_map(struct __test_metadata *_metadata,
			  int (*fn)(struct peer *peer))
{
	struct peer *peer[6];
	unsigned int i;
	int fd;

	ASSERT_EQ(0, write_text(BYTES, "1048576"));
	fd = map_create(0, 8, 65536);
	ASSERT_LE(0, fd);
	peer[0] = peer_start(peer_full, fd, 0);
	EXPECT_EQ(-EDQUOT, peer_join(peer[0]));
	ASSERT_LT(ARRAY_SIZE(peer), peer[0]->count);
	for (i = 0; i < ARRAY_SIZE(peer); i++) {
		peer[i] = peer_new(fd, i);
		peer[i]->count = scaled(50, 10);
		peer_fork(peer[i], fn);
	}
	for (i = 0; i < ARRAY_SIZE(peer); i++)
		EXPECT_EQ(0, peer_join(peer[i]));
}

/*
 * What is deleted waits for a grace period, charged. Who puts as much waits for
 * that, too: among others who do the same there is enough for all.
 */
TEST_F_TIMEOUT(quota, gives_back_what_was_given_up, 100)
{
	if (!self->usable)
		SKIP(return, "cannot set " BYTES);
	in_a_full_map(_metadata, peer_swap);
}

TEST_F_TIMEOUT(quota, never_refuses_to_overwrite, 100)
{
	if (!self->usable)
		SKIP(return, "cannot set " BYTES);
	in_a_full_map(_metadata, peer_overwrite);
}

/*
 * Fault injection: the n-th allocation or user copy of a call is made to fail,
 * for all n, until the call gets by without meeting the failure.
 */

/* A batch makes more allocations and copies than one message. */
#define FAIL_MAX	300

FIXTURE(fail_nth) {
	int nth;
	int fd;
	bool usable;
};

FIXTURE_SETUP(fail_nth)
{
	self->fd = new_u64_map();
	self->nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	self->usable = fail_nth_usable(self->nth);
}

FIXTURE_TEARDOWN(fail_nth)
{
	close(self->nth);
	close(self->fd);
}

TEST_F(fail_nth, create_fails_cleanly_or_succeeds)
{
	unsigned int n, failures = 0;
	int fd, usual_fd;
	bool hit = true;

	if (!self->usable)
		SKIP(return, "no fault injection");
	usual_fd = new_u64_map();
	close(usual_fd);
	for (n = 1; hit; n++) {
		ASSERT_GT(FAIL_MAX, n);
		fail_nth_set(self->nth, n);
		fd = map_create_limited(0, 8, 8, 2000, 0);
		hit = fail_nth_hit(self->nth);
		if (fd < 0) {
			EXPECT_TRUE(injected(fd));
			EXPECT_TRUE(hit);
			failures++;
			continue;
		}
		EXPECT_EQ(usual_fd, fd);
		check_entries(fd, 0);
		EXPECT_EQ(0, close(fd));
	}
	EXPECT_LT(0, failures);
}

/*
 * Each insertion, those with growth and splits included, at each of its steps.
 * Values of two words, as the copy of one cannot be made to fail.
 */
TEST_F(fail_nth, put_leaves_the_map_as_it_was)
{
	unsigned int n, failures = 0;
	__u64 i, entries, value[2];
	int fd, ret;

	if (!self->usable)
		SKIP(return, "no fault injection");
	fd = new_map(0, 8, sizeof(value));
	entries = scaled(2000, 1000);
	for (i = 0; i < entries; i++) {
		__u64 key = scramble(i);

		value[0] = i;
		value[1] = i;
		for (n = 1; ; n++) {
			bool hit;

			ASSERT_GT(FAIL_MAX, n);
			fail_nth_set(self->nth, n);
			ret = map_put(fd, &key, 8, value, sizeof(value), 0);
			hit = fail_nth_hit(self->nth);
			if (!ret)
				break;
			ASSERT_TRUE(injected(ret));
			ASSERT_TRUE(hit);
			failures++;
			ASSERT_EQ(-ENOENT, map_get(fd, &key, 8, NULL, 0));
		}
	}
	EXPECT_LT(entries, failures);
	check_entries(fd, entries);
	for (i = 0; i < entries; i++) {
		__u64 key = scramble(i);

		EXPECT_EQ(0, map_get(fd, &key, 8, value, sizeof(value)));
		EXPECT_EQ(i, value[0]);
		EXPECT_EQ(i, value[1]);
	}
	close(fd);
}

TEST_F(fail_nth, batch_reports_what_it_has_done)
{
	static __u64 k[1000], v[1000];
	unsigned int n, i, failures = 0;
	struct gochan_map_batch b;
	bool hit = true;
	int fd, ret;

	if (!self->usable)
		SKIP(return, "no fault injection");
	for (i = 0; i < 1000; i++) {
		k[i] = scramble(i);
		v[i] = i;
	}
	for (n = 1; hit; n++) {
		struct gochan_map_info info;

		ASSERT_GT(FAIL_MAX, n);
		fd = new_u64_map();
		b = u64_batch(k, v, NULL, 1000);
		b.done = 0;
		fail_nth_set(self->nth, n);
		ret = chan_ioctl(fd, GOCHAN_IOC_MAP_PUT_MANY, &b);
		hit = fail_nth_hit(self->nth);
		ASSERT_EQ(0, map_info(fd, &info));
		if (ret) {
			ASSERT_TRUE(injected(ret));
			ASSERT_TRUE(hit);
			failures++;
		}
		/* The one failing copy may be that of the results. */
		if (ret == -EFAULT && !b.done && info.entries)
			b.done = 1000;
		EXPECT_EQ(info.entries, b.done);
		close(fd);
	}
	EXPECT_LT(0, failures);
}

/* Takes with the n-th event failing, for all n. How many entries went? */
static unsigned int lost_by_failures(struct __test_metadata *_metadata,
				     struct _test_data_fail_nth *self)
{
	static char value[4096], got[4096];
	unsigned int n, lost = 0;
	bool hit = true;
	__u64 key = 1;
	int fd, ret;

	fd = new_map(0, 8, sizeof(value));
	memset(value, 3, sizeof(value));
	for (n = 1; hit; n++) {
		ASSERT_GT(FAIL_MAX, n);
		EXPECT_EQ(0, map_put(fd, &key, 8, value, sizeof(value), 0));
		fail_nth_set(self->nth, n);
		ret = map_take(fd, &key, 8, got, sizeof(got));
		hit = fail_nth_hit(self->nth);
		if (!ret) {
			EXPECT_EQ(0, memcmp(value, got, sizeof(value)));
			continue;
		}
		EXPECT_TRUE(injected(ret));
		if (map_get(fd, &key, 8, NULL, 0)) {
			EXPECT_EQ(-EFAULT, ret);
			lost++;
		}
	}
	close(fd);
	return lost;
}

/* A failing allocation never costs an entry; a failing copy to the user may. */
TEST_F(fail_nth, take_loses_no_entry)
{
	if (!self->usable)
		SKIP(return, "no fault injection");
	lost_by_failures(_metadata, self);
	ASSERT_TRUE(fail_copies_alone(true));
	EXPECT_EQ(1, lost_by_failures(_metadata, self));
}

TEST_HARNESS_MAIN
