// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of maps that deal with one key or with the map as a whole: every
 * success, every error. Batches are in map_batch.c.
 */

#include <sys/epoll.h>

#include "map_test.h"

#define GUARD		64

static ino_t inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

/* Creating. */

TEST(create_returns_rdwr_cloexec_fd)
{
	int fd;

	fd = new_u64_map();
	EXPECT_EQ(O_RDWR, fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK));
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	check_entries(fd, 0);
	EXPECT_EQ(0, close(fd));
}

TEST(create_gives_each_map_its_own_inode_and_name)
{
	char path[64], link[PATH_MAX], want[64];
	ssize_t len;
	int a, b, c;

	a = new_u64_map();
	b = new_u64_map();
	c = dup(a);
	ASSERT_LE(0, c);
	EXPECT_NE(0, inode_of(a));
	EXPECT_NE(inode_of(a), inode_of(b));
	EXPECT_EQ(inode_of(a), inode_of(c));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", a);
	len = readlink(path, link, sizeof(link) - 1);
	ASSERT_LT(0, len);
	link[len] = '\0';
	snprintf(want, sizeof(want), "gochan:[%llu]",
		 (unsigned long long)inode_of(a));
	EXPECT_STREQ(want, link);
}

TEST(create_with_sizes_out_of_range_fails)
{
	EXPECT_EQ(-EINVAL, map_create(0, 0, 8));
	EXPECT_EQ(-EINVAL, map_create(GOCHAN_MAP_VARLEN, 0, 8));
	EXPECT_EQ(-EINVAL, map_create(0, GOCHAN_MAX_KEY_SIZE + 1, 8));
	EXPECT_EQ(-EINVAL, map_create(0, UINT_MAX, 8));
	EXPECT_EQ(-EINVAL, map_create(0, 8, GOCHAN_MAX_VALUE_SIZE + 1));
	EXPECT_EQ(-EINVAL, map_create(0, 8, UINT_MAX));
}

TEST(create_with_unknown_flags_fails)
{
	unsigned int bit;

	for (bit = 1; bit < 32; bit++)
		EXPECT_EQ(-EINVAL, map_create(1U << bit, 8, 8));
}

TEST(create_beyond_the_fd_limit_fails)
{
	struct rlimit old, none;
	int next, fd;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	next = dup(gochan_dev);
	ASSERT_LE(0, next);
	none = old;
	none.rlim_cur = next + 1;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	EXPECT_EQ(-EMFILE, map_create(0, 8, 8));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
	fd = new_u64_map();
	EXPECT_EQ(next + 1, fd);
}

TEST(create_with_hint_makes_tables_at_once)
{
	struct gochan_map_info info;
	__u64 i, slots;
	int fd;

	fd = map_create_limited(0, 8, 8, 897, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, map_info(fd, &info));
	EXPECT_EQ(2, info.tables);
	EXPECT_EQ(1024, info.slots);
	slots = info.slots;
	for (i = 0; i < 800; i++)
		EXPECT_EQ(0, put_u64(fd, i, i));
	EXPECT_EQ(0, map_info(fd, &info));
	EXPECT_EQ(slots, info.slots);
	check_entries(fd, 800);
}

TEST(create_with_small_or_absurd_hint_makes_none)
{
	static const __u64 hints[] = { 0, 1, 8, 1ULL << 40, ~0ULL };
	struct gochan_map_info info;
	unsigned int i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(hints); i++) {
		fd = map_create_limited(0, 8, 8, hints[i], 0);
		ASSERT_LE(0, fd);
		EXPECT_EQ(0, map_info(fd, &info));
		EXPECT_EQ(0, info.slots);
		EXPECT_EQ(0, put_u64(fd, 1, 2));
		check_u64(fd, 1, 2);
		close(fd);
	}
}

/* The charge is an estimate where memory is taken at once, but never less. */
TEST(create_with_any_hint_is_charged_for_all)
{
	static const __u32 sizes[] = { 1, 8, 40, 128 };
	struct gochan_map_info info;
	unsigned int k, v;
	__u64 hint;
	int fd;

	for (k = 0; k < ARRAY_SIZE(sizes); k++) {
		for (v = 0; v < ARRAY_SIZE(sizes); v++) {
			for (hint = 9; hint < 20000; hint = hint * 3 / 2) {
				fd = map_create_limited(0, sizes[k], sizes[v],
							hint, 0);
				ASSERT_LE(0, fd);
				EXPECT_EQ(0, map_info(fd, &info));
				EXPECT_LE(hint, info.slots);
				EXPECT_LE(info.bytes, info.charged);
				close(fd);
			}
		}
	}
}

TEST(max_entries_bounds_the_hint)
{
	struct gochan_map_info info;
	int fd;

	fd = map_create_limited(0, 8, 8, 1000000, 10);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, map_info(fd, &info));
	EXPECT_EQ(16, info.slots);
	EXPECT_EQ(10, info.max_entries);
}

/* Commands of other kinds. */

static const unsigned long map_commands[] = {
	GOCHAN_IOC_MAP_GET, GOCHAN_IOC_MAP_PUT, GOCHAN_IOC_MAP_DELETE,
	GOCHAN_IOC_MAP_TAKE, GOCHAN_IOC_MAP_CAS, GOCHAN_IOC_MAP_ADD,
	GOCHAN_IOC_MAP_GET_MANY, GOCHAN_IOC_MAP_PUT_MANY,
	GOCHAN_IOC_MAP_DELETE_MANY, GOCHAN_IOC_MAP_ITER,
	GOCHAN_IOC_MAP_CLEAR, GOCHAN_IOC_MAP_INFO,
};

TEST(map_commands_on_device_and_channel_fail)
{
	char arg[256] = { 0 };
	unsigned int i;
	int fd;

	fd = new_chan(0, 8, 1);
	for (i = 0; i < ARRAY_SIZE(map_commands); i++) {
		EXPECT_EQ(-ENOTTY, chan_ioctl(gochan_dev, map_commands[i], arg));
		EXPECT_EQ(-ENOTTY, chan_ioctl(fd, map_commands[i], arg));
	}
}

TEST(other_commands_on_map_fail)
{
	static const unsigned long others[] = {
		GOCHAN_IOC_CHAN_CREATE, GOCHAN_IOC_MAP_CREATE, GOCHAN_IOC_SEND,
		GOCHAN_IOC_RECV, GOCHAN_IOC_CLOSE, GOCHAN_IOC_INFO,
		_IO(GOCHAN_IOC_MAGIC, 0xff), _IO('x', 0x20),
		_IOW(GOCHAN_IOC_MAGIC, 0x20, int),
	};
	char arg[256] = { 0 };
	unsigned int i;
	int fd;

	fd = new_u64_map();
	for (i = 0; i < ARRAY_SIZE(others); i++)
		EXPECT_EQ(-ENOTTY, chan_ioctl(fd, others[i], arg));
}

TEST(map_is_no_stream)
{
	struct epoll_event ev = { .events = EPOLLIN };
	char byte = 0;
	int fd, ep;

	fd = new_u64_map();
	EXPECT_EQ(-EINVAL, fd_read(fd, &byte, 1));
	EXPECT_EQ(-EINVAL, fd_write(fd, &byte, 1));
	EXPECT_EQ(-1, lseek(fd, 0, SEEK_SET));
	EXPECT_EQ(ESPIPE, errno);
	ep = epoll_create1(EPOLL_CLOEXEC);
	ASSERT_LE(0, ep);
	EXPECT_EQ(-1, epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
	EXPECT_EQ(EPERM, errno);
}

/* The structures of all commands: sizes, flags, addresses. */

union map_args {
	__u32 size;
	struct gochan_map_create create;
	struct gochan_map_entry entry;
	struct gochan_map_cas cas;
	struct gochan_map_add add;
	struct gochan_map_batch batch;
	struct gochan_map_iter iter;
	struct gochan_map_info info;
	char bytes[8192];
};

FIXTURE(args) {
	int map;
	int fd;
	__u64 key;
	__u64 value;
	__u64 other;
	__u64 key_out;
	union map_args u;
};

FIXTURE_VARIANT(args) {
	unsigned long cmd;
	__u32 size;
	__u32 flags;
};

FIXTURE_VARIANT_ADD(args, create) {
	.cmd = GOCHAN_IOC_MAP_CREATE,
	.size = sizeof(struct gochan_map_create),
	.flags = GOCHAN_MAP_VARLEN,
};

FIXTURE_VARIANT_ADD(args, get) {
	.cmd = GOCHAN_IOC_MAP_GET,
	.size = sizeof(struct gochan_map_entry),
};

FIXTURE_VARIANT_ADD(args, put) {
	.cmd = GOCHAN_IOC_MAP_PUT,
	.size = sizeof(struct gochan_map_entry),
	.flags = GOCHAN_MAP_PUT_NEW | GOCHAN_MAP_PUT_EXISTING,
};

FIXTURE_VARIANT_ADD(args, delete) {
	.cmd = GOCHAN_IOC_MAP_DELETE,
	.size = sizeof(struct gochan_map_entry),
};

FIXTURE_VARIANT_ADD(args, take) {
	.cmd = GOCHAN_IOC_MAP_TAKE,
	.size = sizeof(struct gochan_map_entry),
};

FIXTURE_VARIANT_ADD(args, cas) {
	.cmd = GOCHAN_IOC_MAP_CAS,
	.size = sizeof(struct gochan_map_cas),
};

FIXTURE_VARIANT_ADD(args, add) {
	.cmd = GOCHAN_IOC_MAP_ADD,
	.size = sizeof(struct gochan_map_add),
	.flags = GOCHAN_MAP_ADD_CREATE,
};

FIXTURE_VARIANT_ADD(args, get_many) {
	.cmd = GOCHAN_IOC_MAP_GET_MANY,
	.size = sizeof(struct gochan_map_batch),
};

FIXTURE_VARIANT_ADD(args, put_many) {
	.cmd = GOCHAN_IOC_MAP_PUT_MANY,
	.size = sizeof(struct gochan_map_batch),
	.flags = GOCHAN_MAP_PUT_NEW | GOCHAN_MAP_PUT_EXISTING,
};

FIXTURE_VARIANT_ADD(args, delete_many) {
	.cmd = GOCHAN_IOC_MAP_DELETE_MANY,
	.size = sizeof(struct gochan_map_batch),
};

FIXTURE_VARIANT_ADD(args, iter) {
	.cmd = GOCHAN_IOC_MAP_ITER,
	.size = sizeof(struct gochan_map_iter),
};

FIXTURE_VARIANT_ADD(args, info) {
	.cmd = GOCHAN_IOC_MAP_INFO,
	.size = sizeof(struct gochan_map_info),
};

/* A structure that is fine in all respects. */
FIXTURE_SETUP(args)
{
	uintptr_t key = (uintptr_t)&self->key, value = (uintptr_t)&self->value;

	self->map = new_u64_map();
	self->fd = self->map;
	self->key = 1;
	self->value = 2;
	self->other = 2;
	ASSERT_EQ(0, put_u64(self->map, 1, 2));
	switch (variant->cmd) {
	case GOCHAN_IOC_MAP_CREATE:
		self->fd = gochan_dev;
		self->u.create.key_size = 8;
		break;
	case GOCHAN_IOC_MAP_CAS:
		self->u.cas.key = key;
		self->u.cas.key_len = 8;
		self->u.cas.expected = (uintptr_t)&self->other;
		self->u.cas.value = value;
		self->u.cas.value_len = 8;
		break;
	case GOCHAN_IOC_MAP_ADD:
		self->u.add.key = key;
		self->u.add.key_len = 8;
		break;
	case GOCHAN_IOC_MAP_GET_MANY:
	case GOCHAN_IOC_MAP_PUT_MANY:
	case GOCHAN_IOC_MAP_DELETE_MANY:
		self->u.batch = u64_batch(&self->key, &self->value, NULL, 1);
		if (variant->cmd != GOCHAN_IOC_MAP_DELETE_MANY)
			break;
		self->u.batch.values = 0;
		self->u.batch.value_size = 0;
		break;
	case GOCHAN_IOC_MAP_ITER:
		self->u.iter.keys = (uintptr_t)&self->key_out;
		self->u.iter.values = value;
		self->u.iter.key_size = 8;
		self->u.iter.value_size = 8;
		self->u.iter.count = 1;
		break;
	case GOCHAN_IOC_MAP_INFO:
		break;
	default:
		self->u.entry.key = key;
		self->u.entry.key_len = 8;
		if (variant->cmd == GOCHAN_IOC_MAP_DELETE)
			break;
		self->u.entry.value = value;
		self->u.entry.value_len = 8;
		break;
	}
	self->u.size = variant->size;
}

FIXTURE_TEARDOWN(args)
{
	close(self->map);
}

#define RUN_ARGS()	chan_ioctl(self->fd, variant->cmd, &self->u)

/* Nothing has been done. */
#define check_untouched()						\
	do {								\
		check_entries(self->map, 1);				\
		check_u64(self->map, 1, 2);				\
	} while (0)

TEST_F(args, exact_size_succeeds)
{
	EXPECT_LE(0, RUN_ARGS());
	EXPECT_EQ(variant->size, self->u.size);
}

TEST_F(args, zero_or_too_small_size_fails)
{
	__u32 size;

	for (size = 0; size < variant->size; size++) {
		self->u.size = size;
		EXPECT_EQ(-EINVAL, RUN_ARGS());
	}
	check_untouched();
}

TEST_F(args, larger_zero_tailed_size_succeeds)
{
	self->u.size = 4096;
	EXPECT_LE(0, RUN_ARGS());
	EXPECT_EQ(4096, self->u.size);
	EXPECT_TRUE(is_filled(self->u.bytes + variant->size, 0,
			      sizeof(self->u) - variant->size));
}

TEST_F(args, nonzero_tailed_size_fails)
{
	self->u.bytes[variant->size] = 1;
	self->u.size = variant->size + 8;
	EXPECT_EQ(-E2BIG, RUN_ARGS());
	self->u.bytes[variant->size] = 0;
	self->u.bytes[4095] = 1;
	self->u.size = 4096;
	EXPECT_EQ(-E2BIG, RUN_ARGS());
	check_untouched();
}

TEST_F(args, size_above_a_page_fails)
{
	self->u.size = 4097;
	EXPECT_EQ(-E2BIG, RUN_ARGS());
	self->u.size = UINT_MAX;
	EXPECT_EQ(-E2BIG, RUN_ARGS());
	check_untouched();
}

TEST_F(args, unknown_flags_fail)
{
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		if ((1U << bit) & variant->flags)
			continue;
		self->u.entry.flags = 1U << bit;
		EXPECT_EQ(-EINVAL, RUN_ARGS());
	}
	check_untouched();
}

TEST_F(args, bad_struct_pointer_fails)
{
	EXPECT_EQ(-EFAULT, chan_ioctl(self->fd, variant->cmd, NULL));
	check_untouched();
}

/* Also where addresses have 32 bits and the upper half could be cut off. */
TEST_F(args, address_beyond_user_memory_fails)
{
	__u64 *addresses = (__u64 *)self->u.bytes + 1;
	unsigned int i, nr = 1;

	switch (variant->cmd) {
	case GOCHAN_IOC_MAP_CREATE:
	case GOCHAN_IOC_MAP_INFO:
		return;
	case GOCHAN_IOC_MAP_CAS:
		nr = 3;
		break;
	case GOCHAN_IOC_MAP_GET:
	case GOCHAN_IOC_MAP_PUT:
	case GOCHAN_IOC_MAP_TAKE:
		nr = 2;
		break;
	default:
		break;
	}
	for (i = 0; i < nr; i++) {
		addresses[i] ^= 1ULL << 63;
		EXPECT_EQ(-EFAULT, RUN_ARGS());
		addresses[i] ^= 1ULL << 63 | 1ULL << 62;
		EXPECT_EQ(-EFAULT, RUN_ARGS());
		addresses[i] ^= 1ULL << 62;
	}
	check_untouched();
}

/* One entry. */

TEST(put_get_delete)
{
	int fd;

	fd = new_u64_map();
	check_absent(fd, 1);
	EXPECT_EQ(-ENOENT, has_u64(fd, 1));
	EXPECT_EQ(0, put_u64(fd, 1, 10));
	EXPECT_EQ(0, put_u64(fd, 2, 20));
	check_u64(fd, 1, 10);
	check_u64(fd, 2, 20);
	EXPECT_EQ(0, has_u64(fd, 1));
	check_entries(fd, 2);
	EXPECT_EQ(0, put_u64(fd, 1, 11));
	check_u64(fd, 1, 11);
	check_entries(fd, 2);
	EXPECT_EQ(0, delete_u64(fd, 1));
	EXPECT_EQ(-ENOENT, delete_u64(fd, 1));
	check_absent(fd, 1);
	check_u64(fd, 2, 20);
	check_entries(fd, 1);
}

TEST(put_new_and_existing)
{
	__u64 key = 1, value = 5;
	int fd;

	fd = new_u64_map();
	EXPECT_EQ(-ENOENT, map_put(fd, &key, 8, &value, 8,
				   GOCHAN_MAP_PUT_EXISTING));
	check_entries(fd, 0);
	EXPECT_EQ(0, map_put(fd, &key, 8, &value, 8, GOCHAN_MAP_PUT_NEW));
	value = 6;
	EXPECT_EQ(-EEXIST, map_put(fd, &key, 8, &value, 8,
				   GOCHAN_MAP_PUT_NEW));
	check_u64(fd, 1, 5);
	EXPECT_EQ(0, map_put(fd, &key, 8, &value, 8, GOCHAN_MAP_PUT_EXISTING));
	check_u64(fd, 1, 6);
	EXPECT_EQ(-EINVAL, map_put(fd, &key, 8, &value, 8, GOCHAN_MAP_PUT_NEW |
				   GOCHAN_MAP_PUT_EXISTING));
	EXPECT_EQ(-EINVAL, map_put(fd, &key, 8, &value, 8,
				   GOCHAN_MAP_ADD_CREATE));
	check_entries(fd, 1);
}

TEST(take_returns_the_value_once)
{
	__u64 value, key = 3;
	int fd;

	fd = new_u64_map();
	EXPECT_EQ(-ENOENT, take_u64(fd, 3, &value));
	EXPECT_EQ(POISON_U64, value);
	EXPECT_EQ(0, put_u64(fd, 3, 33));
	EXPECT_EQ(0, take_u64(fd, 3, &value));
	EXPECT_EQ(33, value);
	EXPECT_EQ(-ENOENT, take_u64(fd, 3, &value));
	check_entries(fd, 0);
	/* Without interest in the value it is a deletion. */
	EXPECT_EQ(0, put_u64(fd, 3, 33));
	EXPECT_EQ(0, map_take(fd, &key, 8, NULL, 0));
	EXPECT_EQ(-ENOENT, map_take(fd, &key, 8, NULL, 0));
}

TEST(cas_swaps_or_tells_the_value)
{
	__u64 key = 1, expected, value = 20;
	int fd;

	fd = new_u64_map();
	expected = 10;
	EXPECT_EQ(-ENOENT, map_cas(fd, &key, 8, &expected, &value, 8));
	EXPECT_EQ(10, expected);
	check_entries(fd, 0);
	EXPECT_EQ(0, put_u64(fd, 1, 10));
	expected = 11;
	EXPECT_EQ(-EEXIST, map_cas(fd, &key, 8, &expected, &value, 8));
	EXPECT_EQ(10, expected);
	check_u64(fd, 1, 10);
	EXPECT_EQ(0, map_cas(fd, &key, 8, &expected, &value, 8));
	EXPECT_EQ(10, expected);
	check_u64(fd, 1, 20);
	EXPECT_EQ(20, value);
	check_entries(fd, 1);
}

TEST(add_counts)
{
	__u64 key = 7, sum;
	int fd;

	fd = new_u64_map();
	EXPECT_EQ(-ENOENT, map_add(fd, &key, 8, 5, 0, &sum));
	check_entries(fd, 0);
	EXPECT_EQ(0, map_add(fd, &key, 8, 5, GOCHAN_MAP_ADD_CREATE, &sum));
	EXPECT_EQ(5, sum);
	EXPECT_EQ(0, map_add(fd, &key, 8, 6, GOCHAN_MAP_ADD_CREATE, &sum));
	EXPECT_EQ(11, sum);
	EXPECT_EQ(0, map_add(fd, &key, 8, -12, 0, &sum));
	EXPECT_EQ(~0ULL, sum);
	check_u64(fd, 7, ~0ULL);
	EXPECT_EQ(0, map_add(fd, &key, 8, 1, 0, &sum));
	EXPECT_EQ(0, sum);
	check_entries(fd, 1);
}

TEST(add_to_values_of_four_bytes_wraps)
{
	__u32 value;
	__u64 sum;
	int fd;

	fd = new_map(0, 3, 4);
	EXPECT_EQ(0, map_add(fd, "abc", 3, UINT_MAX, GOCHAN_MAP_ADD_CREATE,
			     &sum));
	EXPECT_EQ(UINT_MAX, sum);
	EXPECT_EQ(0, map_add(fd, "abc", 3, 0x100000003ULL, 0, &sum));
	EXPECT_EQ(2, sum);
	EXPECT_EQ(0, map_get(fd, "abc", 3, &value, 4));
	EXPECT_EQ(2, value);
}

TEST(add_to_values_of_other_sizes_fails)
{
	static const __u32 sizes[] = { 0, 1, 2, 3, 5, 7, 9, 16, 4096 };
	__u64 key = 1, sum;
	unsigned int i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		fd = new_map(0, 8, sizes[i]);
		EXPECT_EQ(-EINVAL, map_add(fd, &key, 8, 1,
					   GOCHAN_MAP_ADD_CREATE, &sum));
		check_entries(fd, 0);
		close(fd);
	}
}

TEST(add_with_nonzero_padding_fails)
{
	__u64 key = 1;
	struct gochan_map_add add = {
		.size = sizeof(add),
		.flags = GOCHAN_MAP_ADD_CREATE,
		.key = (uintptr_t)&key,
		.key_len = 8,
		.pad = 1,
	};
	int fd;

	fd = new_u64_map();
	EXPECT_EQ(-EINVAL, chan_ioctl(fd, GOCHAN_IOC_MAP_ADD, &add));
	check_entries(fd, 0);
}

TEST(wrong_lengths_fail)
{
	static const __u32 lens[] = { 0, 1, 7, 9, 128, 129, UINT_MAX };
	char buf[256] = { 0 }, copy[256] = { 0 };
	unsigned int i;
	__u64 sum;
	int fd;

	fd = new_u64_map();
	EXPECT_EQ(0, put_u64(fd, 0, 0));
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		__u32 len = lens[i];

		EXPECT_EQ(-EINVAL, map_get(fd, buf, len, buf, 8));
		EXPECT_EQ(-EINVAL, map_put(fd, buf, len, buf, 8, 0));
		EXPECT_EQ(-EINVAL, map_delete(fd, buf, len));
		EXPECT_EQ(-EINVAL, map_take(fd, buf, len, buf, 8));
		EXPECT_EQ(-EINVAL, map_cas(fd, buf, len, buf, buf, 8));
		EXPECT_EQ(-EINVAL, map_add(fd, buf, len, 1, 0, &sum));
		EXPECT_EQ(-EINVAL, map_get(fd, buf, 8, buf, len));
		EXPECT_EQ(-EINVAL, map_put(fd, buf, 8, buf, len, 0));
		EXPECT_EQ(-EINVAL, map_take(fd, buf, 8, buf, len));
		EXPECT_EQ(-EINVAL, map_cas(fd, buf, 8, buf, buf, len));
	}
	EXPECT_EQ(-EINVAL, map_entry(fd, GOCHAN_IOC_MAP_DELETE, 0, buf, 8, buf,
				     8));
	EXPECT_EQ(-EINVAL, map_get(fd, buf, 8, NULL, 4));
	/* No room at an address is not the same as no interest. */
	EXPECT_EQ(-EFAULT, map_get(fd, buf, 8, NULL, 8));
	EXPECT_EQ(-EFAULT, map_take(fd, buf, 8, NULL, 8));
	EXPECT_EQ(0, memcmp(buf, copy, sizeof(buf)));
	check_entries(fd, 1);
	check_u64(fd, 0, 0);
}

/* Sizes. */

static void fill_pattern(unsigned char *buf, size_t len, unsigned int seed)
{
	size_t i;

	for (i = 0; i < len; i++)
		buf[i] = seed + i * 7 + (i >> 8);
}

TEST(keys_and_values_of_various_sizes_come_back_whole)
{
	static const __u32 keys[] = { 1, 2, 3, 4, 5, 8, 16, 31, 127, 128 };
	static const __u32 values[] = { 0, 1, 4, 7, 8, 127, 128, 129, 256, 4096,
					65535, 65536 };
	static unsigned char in[GOCHAN_MAX_VALUE_SIZE];
	static unsigned char out[GOCHAN_MAX_VALUE_SIZE + GUARD];
	unsigned char key[GOCHAN_MAX_KEY_SIZE];
	unsigned int k, v, i;
	int fd;

	for (k = 0; k < ARRAY_SIZE(keys); k++) {
		for (v = 0; v < ARRAY_SIZE(values); v++) {
			__u32 key_size = keys[k], size = values[v];

			fd = new_map(0, key_size, size);
			for (i = 0; i < 20; i++) {
				fill_pattern(key, key_size, i);
				fill_pattern(in, size, i + v);
				EXPECT_EQ(0, map_put(fd, key, key_size, in,
						     size, 0));
			}
			check_entries(fd, 20);
			for (i = 0; i < 20; i++) {
				fill_pattern(key, key_size, i);
				fill_pattern(in, size, i + v);
				poison(out, size + GUARD);
				EXPECT_EQ(0, map_get(fd, key, key_size, out,
						     size));
				EXPECT_EQ(0, memcmp(in, out, size));
				EXPECT_TRUE(is_poison(out + size, GUARD));
				poison(out, size + GUARD);
				EXPECT_EQ(0, map_take(fd, key, key_size, out,
						      size));
				EXPECT_EQ(0, memcmp(in, out, size));
				EXPECT_TRUE(is_poison(out + size, GUARD));
			}
			check_entries(fd, 0);
			close(fd);
		}
	}
}

TEST(cas_of_large_values)
{
	static unsigned char expected[4096], value[4096], want[4096];
	__u64 key = 1;
	int fd;

	fd = new_map(0, 8, sizeof(value));
	fill_pattern(value, sizeof(value), 1);
	memcpy(want, value, sizeof(value));
	EXPECT_EQ(0, map_put(fd, &key, 8, value, sizeof(value), 0));
	memcpy(expected, value, sizeof(value));
	/* They differ in the very last byte. */
	expected[4095] ^= 1;
	fill_pattern(value, sizeof(value), 2);
	EXPECT_EQ(-EEXIST, map_cas(fd, &key, 8, expected, value, 4096));
	EXPECT_EQ(0, memcmp(expected, want, sizeof(want)));
	EXPECT_EQ(0, map_cas(fd, &key, 8, expected, value, 4096));
	poison(expected, sizeof(expected));
	EXPECT_EQ(0, map_get(fd, &key, 8, expected, 4096));
	EXPECT_EQ(0, memcmp(expected, value, sizeof(value)));
}

TEST(values_of_no_bytes_make_a_set)
{
	__u64 key = 4;
	int fd;

	fd = new_map(0, 8, 0);
	EXPECT_EQ(-ENOENT, map_get(fd, &key, 8, NULL, 0));
	EXPECT_EQ(0, map_put(fd, &key, 8, NULL, 0, GOCHAN_MAP_PUT_NEW));
	EXPECT_EQ(-EEXIST, map_put(fd, &key, 8, NULL, 0, GOCHAN_MAP_PUT_NEW));
	EXPECT_EQ(-EINVAL, map_put(fd, &key, 8, &key, 8, 0));
	EXPECT_EQ(0, map_get(fd, &key, 8, NULL, 0));
	EXPECT_EQ(0, map_cas(fd, &key, 8, NULL, NULL, 0));
	EXPECT_EQ(0, map_take(fd, &key, 8, NULL, 0));
	EXPECT_EQ(-ENOENT, map_cas(fd, &key, 8, NULL, NULL, 0));
	check_entries(fd, 0);
}

TEST(varlen_keys_differ_in_their_lengths)
{
	char key[GOCHAN_MAX_KEY_SIZE + 1] = { 0 };
	__u64 value, sum;
	__u32 len;
	int fd;

	fd = new_map(GOCHAN_MAP_VARLEN, GOCHAN_MAX_KEY_SIZE, 8);
	/* All zeroes, the empty key included: only the length tells. */
	for (len = 0; len <= GOCHAN_MAX_KEY_SIZE; len++) {
		value = len;
		EXPECT_EQ(0, map_put(fd, key, len, &value, 8,
				     GOCHAN_MAP_PUT_NEW));
	}
	check_entries(fd, GOCHAN_MAX_KEY_SIZE + 1);
	for (len = 0; len <= GOCHAN_MAX_KEY_SIZE; len++) {
		EXPECT_EQ(0, map_add(fd, key, len, 1000, 0, &sum));
		EXPECT_EQ(1000 + len, sum);
		EXPECT_EQ(0, map_get(fd, key, len, &value, 8));
		EXPECT_EQ(1000 + len, value);
	}
	EXPECT_EQ(-EINVAL, map_put(fd, key, len, &value, 8, 0));
	EXPECT_EQ(-EINVAL, map_get(fd, key, len, &value, 8));
	EXPECT_EQ(-EINVAL, map_delete(fd, key, UINT_MAX));
	EXPECT_EQ(0, map_delete(fd, NULL, 0));
	EXPECT_EQ(-ENOENT, map_delete(fd, NULL, 0));
	check_entries(fd, GOCHAN_MAX_KEY_SIZE);
}

/* Limits. */

TEST(max_entries_refuses_new_keys_only)
{
	__u64 i, sum, value;
	int fd;

	fd = map_create_limited(0, 8, 8, 0, 20);
	ASSERT_LE(0, fd);
	for (i = 0; i < 20; i++)
		EXPECT_EQ(0, put_u64(fd, i, i));
	EXPECT_EQ(-E2BIG, put_u64(fd, 20, 1));
	EXPECT_EQ(-E2BIG, add_u64(fd, 20, 1, &sum));
	check_absent(fd, 20);
	EXPECT_EQ(0, put_u64(fd, 3, 33));
	EXPECT_EQ(0, add_u64(fd, 4, 1, &sum));
	check_entries(fd, 20);
	EXPECT_EQ(0, take_u64(fd, 5, &value));
	EXPECT_EQ(0, put_u64(fd, 20, 1));
	EXPECT_EQ(-E2BIG, put_u64(fd, 5, 5));
	EXPECT_EQ(0, map_clear(fd));
	EXPECT_EQ(0, put_u64(fd, 5, 5));
	check_entries(fd, 1);
}

TEST(max_entries_of_one_works_without_growth)
{
	int fd;

	fd = map_create_limited(0, 8, 8, 0, 1);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, put_u64(fd, 1, 1));
	EXPECT_EQ(-E2BIG, put_u64(fd, 2, 2));
	EXPECT_EQ(0, delete_u64(fd, 1));
	EXPECT_EQ(0, put_u64(fd, 2, 2));
}

/* The map as a whole. */

TEST(clear_removes_everything)
{
	struct gochan_map_info info;
	__u64 i;
	int fd;

	fd = new_u64_map();
	EXPECT_EQ(0, map_clear(fd));
	for (i = 0; i < 3000; i++)
		EXPECT_EQ(0, put_u64(fd, i, i));
	EXPECT_EQ(0, map_info(fd, &info));
	EXPECT_EQ(3000, info.entries);
	EXPECT_EQ(-EINVAL, chan_ioctl(fd, GOCHAN_IOC_MAP_CLEAR, &info));
	check_entries(fd, 3000);
	EXPECT_EQ(0, map_clear(fd));
	EXPECT_EQ(0, map_info(fd, &info));
	EXPECT_EQ(0, info.entries);
	EXPECT_EQ(0, info.tombstones);
	/* Memory and charge have gone back. */
	EXPECT_GT(4096, info.bytes);
	EXPECT_GT(8192, info.charged);
	for (i = 0; i < 3000; i++)
		check_absent(fd, i);
	EXPECT_EQ(0, put_u64(fd, 1, 1));
	check_entries(fd, 1);
}

TEST(info_reports_every_field)
{
	struct gochan_map_info info;
	__u64 i;
	int fd;

	fd = map_create_limited(GOCHAN_MAP_VARLEN, 30, 12, 0, 5000);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, map_info(fd, &info));
	EXPECT_EQ(sizeof(info), info.size);
	EXPECT_EQ(GOCHAN_MAP_VARLEN, info.flags);
	EXPECT_EQ(30, info.key_size);
	EXPECT_EQ(12, info.value_size);
	EXPECT_EQ(0, info.entries);
	EXPECT_EQ(5000, info.max_entries);
	EXPECT_EQ(0, info.slots);
	EXPECT_EQ(0, info.tables);
	EXPECT_EQ(0, info.tombstones);
	EXPECT_LT(0, info.bytes);
	EXPECT_LE(info.bytes, info.charged);
	for (i = 0; i < 9; i++)
		EXPECT_EQ(0, map_put(fd, &i, 8, "twelve bytes", 12, 0));
	EXPECT_EQ(0, map_info(fd, &info));
	EXPECT_EQ(9, info.entries);
	EXPECT_EQ(16, info.slots);
	EXPECT_EQ(1, info.tables);
	EXPECT_LT(16 * 43, info.bytes);
	EXPECT_LE(info.bytes, info.charged);
	close(fd);

	/* Values that are kept outside the tables count as well. */
	fd = new_map(0, 8, 4096);
	for (i = 0; i < 8; i++) {
		static char value[4096];

		EXPECT_EQ(0, map_put(fd, &i, 8, value, sizeof(value), 0));
	}
	EXPECT_EQ(0, map_info(fd, &info));
	EXPECT_EQ(0, info.flags);
	EXPECT_EQ(0, info.max_entries);
	EXPECT_LT(8 * 4096, info.bytes);
	EXPECT_LE(info.bytes, info.charged);
}

TEST(charge_follows_growth_and_deletion)
{
	__u64 i, most = 0, n = 20000, sum;
	struct gochan_map_info info;
	int fd;

	fd = new_u64_map();
	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, add_u64(fd, scramble(i), 1, &sum));
		if (i % 37)
			continue;
		ASSERT_EQ(0, map_info(fd, &info));
		ASSERT_LE(info.bytes, info.charged);
		/* Ahead, but by no more than what doubling takes. */
		ASSERT_GT(3 * info.bytes + 8192, info.charged);
		most = info.charged;
	}
	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, delete_u64(fd, scramble(i)));
		if (i % 37)
			continue;
		ASSERT_EQ(0, map_info(fd, &info));
		ASSERT_LE(info.bytes, info.charged);
	}
	ASSERT_EQ(0, map_info(fd, &info));
	EXPECT_EQ(0, info.entries);
	EXPECT_GT(most / 8, info.charged);
}

static __u64 tables_of(int fd)
{
	struct gochan_map_info info;

	if (map_info(fd, &info))
		return ~0ULL;
	return info.tables;
}

static void check_small(struct __test_metadata *_metadata, int fd)
{
	struct gochan_map_info info;

	ASSERT_EQ(0, map_info(fd, &info));
	EXPECT_EQ(0, info.entries);
	EXPECT_GE(1, info.tables);
	EXPECT_GE(16, info.slots);
	EXPECT_GT(8192, info.charged);
}

/* No deletion shrinks the whole map. */
TEST(each_deletion_shrinks_a_little)
{
	__u64 i, old, now, n = 60000, most = 0;
	int fd;

	fd = new_u64_map();
	for (i = 0; i < n; i++)
		ASSERT_EQ(0, put_u64(fd, scramble(i), i));
	old = tables_of(fd);
	EXPECT_LT(64, old);
	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, delete_u64(fd, scramble(i)));
		now = tables_of(fd);
		ASSERT_GE(old, now);
		if (old - now > most)
			most = old - now;
		old = now;
	}
	EXPECT_GE(2, most);
	check_small(_metadata, fd);
}

TEST(batches_of_deletions_give_memory_back)
{
	static const __u32 batches[] = { 10, 100, 5000 };
	static __u64 keys[5000];
	__u64 i, n = 60000;
	__u32 b, k;
	int fd;

	for (b = 0; b < ARRAY_SIZE(batches); b++) {
		fd = new_u64_map();
		for (i = 0; i < n; i++)
			ASSERT_EQ(0, put_u64(fd, scramble(i), i));
		for (i = 0; i < n; i += batches[b]) {
			for (k = 0; k < batches[b]; k++)
				keys[k] = scramble(i + k);
			ASSERT_EQ(batches[b],
				  delete_many_u64(fd, keys, NULL, batches[b]));
		}
		check_small(_metadata, fd);
		EXPECT_EQ(0, close(fd));
	}
}

static int read_fdinfo(int fd, char *text, size_t size)
{
	char path[64];
	ssize_t len;
	int info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = open(path, O_RDONLY | O_CLOEXEC);
	if (info < 0)
		return -errno;
	len = read(info, text, size - 1);
	close(info);
	if (len < 0)
		return -errno;
	text[len] = '\0';
	return 0;
}

TEST(fdinfo_says_what_info_says)
{
	struct gochan_map_info info;
	char text[2048], want[1024];
	const char *ours;
	__u64 i;
	int fd;

	fd = map_create_limited(GOCHAN_MAP_VARLEN, 20, 5, 0, 1000);
	ASSERT_LE(0, fd);
	for (i = 0; i < 100; i++)
		EXPECT_EQ(0, map_put(fd, &i, 8, "hello", 5, 0));
	EXPECT_EQ(0, map_info(fd, &info));
	ASSERT_EQ(0, read_fdinfo(fd, text, sizeof(text)));
	ours = strstr(text, "\ngochan-type:");
	ASSERT_NE(NULL, ours);
	snprintf(want, sizeof(want),
		 "\ngochan-type:\tmap\n"
		 "gochan-map-key-size:\t20\n"
		 "gochan-map-varlen:\t1\n"
		 "gochan-map-value-size:\t5\n"
		 "gochan-map-entries:\t100\n"
		 "gochan-map-max-entries:\t1000\n"
		 "gochan-map-slots:\t%llu\n"
		 "gochan-map-tables:\t%llu\n"
		 "gochan-map-tombstones:\t0\n"
		 "gochan-map-bytes:\t%llu\n"
		 "gochan-map-charged:\t%llu\n",
		 (unsigned long long)info.slots,
		 (unsigned long long)info.tables,
		 (unsigned long long)info.bytes,
		 (unsigned long long)info.charged);
	EXPECT_STREQ(want, ours);
}

/* Processes. */

static int peer_put(struct peer *peer)
{
	return put_u64(peer->fd, peer->value, peer->value * 2);
}

TEST(processes_share_a_map_and_its_last_fd_frees_it)
{
	struct peer *peer;
	int fd;

	fd = new_u64_map();
	EXPECT_EQ(0, put_u64(fd, 1, 1));
	peer = peer_start(peer_put, fd, 21);
	EXPECT_EQ(0, peer_join(peer));
	check_u64(fd, 21, 42);
	check_u64(fd, 1, 1);
	check_entries(fd, 2);
}

TEST_HARNESS_MAIN
