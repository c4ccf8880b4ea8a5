/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers for tests of maps. All calls return what they did, or the negated
 * errno, as those of gochan_test.h do.
 */

#ifndef MAP_TEST_H
#define MAP_TEST_H

#include "gochan_test.h"

static inline int map_create_limited(__u32 flags, __u32 key_size,
				     __u32 value_size, __u64 hint,
				     __u64 max_entries)
{
	struct gochan_map_create args = {
		.size = sizeof(args),
		.flags = flags,
		.key_size = key_size,
		.value_size = value_size,
		.hint = hint,
		.max_entries = max_entries,
	};

	return chan_ioctl(gochan_dev, GOCHAN_IOC_MAP_CREATE, &args);
}

static inline int map_create(__u32 flags, __u32 key_size, __u32 value_size)
{
	return map_create_limited(flags, key_size, value_size, 0, 0);
}

#define new_map(flags, key_size, value_size)				\
	({								\
		int __fd = map_create(flags, key_size, value_size);	\
									\
		ASSERT_LE(0, __fd);					\
		__fd;							\
	})

static inline int map_entry(int fd, unsigned long cmd, __u32 flags,
			    const void *key, __u32 key_len, const void *value,
			    __u32 value_len)
{
	struct gochan_map_entry args = {
		.size = sizeof(args),
		.flags = flags,
		.key = (uintptr_t)key,
		.value = (uintptr_t)value,
		.key_len = key_len,
		.value_len = value_len,
	};
	struct gochan_map_entry copy = args;
	int ret;

	ret = chan_ioctl(fd, cmd, &args);
	return memcmp(&args, &copy, sizeof(args)) ? OUTPUT_TOUCHED : ret;
}

static inline int map_get(int fd, const void *key, __u32 key_len, void *value,
			  __u32 value_len)
{
	return map_entry(fd, GOCHAN_IOC_MAP_GET, 0, key, key_len, value,
			 value_len);
}

static inline int map_put(int fd, const void *key, __u32 key_len,
			  const void *value, __u32 value_len, __u32 flags)
{
	return map_entry(fd, GOCHAN_IOC_MAP_PUT, flags, key, key_len, value,
			 value_len);
}

static inline int map_delete(int fd, const void *key, __u32 key_len)
{
	return map_entry(fd, GOCHAN_IOC_MAP_DELETE, 0, key, key_len, NULL, 0);
}

static inline int map_take(int fd, const void *key, __u32 key_len, void *value,
			   __u32 value_len)
{
	return map_entry(fd, GOCHAN_IOC_MAP_TAKE, 0, key, key_len, value,
			 value_len);
}

static inline int map_cas(int fd, const void *key, __u32 key_len,
			  void *expected, const void *value, __u32 value_len)
{
	struct gochan_map_cas args = {
		.size = sizeof(args),
		.key = (uintptr_t)key,
		.expected = (uintptr_t)expected,
		.value = (uintptr_t)value,
		.key_len = key_len,
		.value_len = value_len,
	};

	return chan_ioctl(fd, GOCHAN_IOC_MAP_CAS, &args);
}

/* @sum: set if the call succeeds, and poison otherwise. */
static inline int map_add(int fd, const void *key, __u32 key_len, __u64 delta,
			  __u32 flags, __u64 *sum)
{
	struct gochan_map_add args = {
		.size = sizeof(args),
		.flags = flags,
		.key = (uintptr_t)key,
		.delta = delta,
		.sum = POISON_U64,
		.key_len = key_len,
	};
	int ret;

	ret = chan_ioctl(fd, GOCHAN_IOC_MAP_ADD, &args);
	*sum = args.sum;
	return ret < 0 && args.sum != POISON_U64 ? OUTPUT_TOUCHED : ret;
}

static inline int map_clear(int fd)
{
	return chan_ioctl(fd, GOCHAN_IOC_MAP_CLEAR, NULL);
}

static inline int map_info(int fd, struct gochan_map_info *info)
{
	poison(info, sizeof(*info));
	info->size = sizeof(*info);
	info->flags = 0;
	return chan_ioctl(fd, GOCHAN_IOC_MAP_INFO, info);
}

/* Most tests use maps from __u64 to __u64. */

#define new_u64_map()	new_map(0, 8, 8)

static inline int put_u64(int fd, __u64 key, __u64 value)
{
	return map_put(fd, &key, 8, &value, 8, 0);
}

static inline int get_u64(int fd, __u64 key, __u64 *value)
{
	*value = POISON_U64;
	return map_get(fd, &key, 8, value, 8);
}

static inline int take_u64(int fd, __u64 key, __u64 *value)
{
	*value = POISON_U64;
	return map_take(fd, &key, 8, value, 8);
}

static inline int has_u64(int fd, __u64 key)
{
	return map_get(fd, &key, 8, NULL, 0);
}

static inline int delete_u64(int fd, __u64 key)
{
	return map_delete(fd, &key, 8);
}

static inline int add_u64(int fd, __u64 key, __u64 delta, __u64 *sum)
{
	return map_add(fd, &key, 8, delta, GOCHAN_MAP_ADD_CREATE, sum);
}

/*
 * Batches. @done is left in the structure; it is poison before.
 */

static inline struct gochan_map_batch u64_batch(const void *keys,
						const void *values,
						const void *found, __u32 count)
{
	return (struct gochan_map_batch) {
		.size = sizeof(struct gochan_map_batch),
		.keys = (uintptr_t)keys,
		.values = (uintptr_t)values,
		.found = (uintptr_t)found,
		.key_size = 8,
		.value_size = values ? 8 : 0,
		.count = count,
		.done = POISON_U32,
	};
}

static inline int put_many_u64(int fd, const __u64 *keys, const __u64 *values,
			       __u32 count)
{
	struct gochan_map_batch b = u64_batch(keys, values, NULL, count);
	int ret;

	ret = chan_ioctl(fd, GOCHAN_IOC_MAP_PUT_MANY, &b);
	return ret ?: (int)b.done;
}

static inline int get_many_u64(int fd, const __u64 *keys, __u64 *values,
			       __u8 *found, __u32 count)
{
	struct gochan_map_batch b = u64_batch(keys, values, found, count);
	int ret;

	ret = chan_ioctl(fd, GOCHAN_IOC_MAP_GET_MANY, &b);
	return ret ?: (int)b.done;
}

static inline int delete_many_u64(int fd, const __u64 *keys, __u8 *found,
				  __u32 count)
{
	struct gochan_map_batch b = u64_batch(keys, NULL, found, count);
	int ret;

	ret = chan_ioctl(fd, GOCHAN_IOC_MAP_DELETE_MANY, &b);
	return ret ?: (int)b.done;
}

/* @it: zeroed to begin. Returns the number of entries, 0 at the end. */
static inline int iterate(int fd, struct gochan_map_iter *it, void *keys,
			  __u32 key_size, __u32 *lens, void *values,
			  __u32 value_size, __u32 count)
{
	int ret;

	it->size = sizeof(*it);
	it->keys = (uintptr_t)keys;
	it->key_lens = (uintptr_t)lens;
	it->values = (uintptr_t)values;
	it->key_size = key_size;
	it->value_size = value_size;
	it->count = count;
	it->done = POISON_U32;
	ret = chan_ioctl(fd, GOCHAN_IOC_MAP_ITER, it);
	return ret ?: (int)it->done;
}

static inline int iterate_u64(int fd, struct gochan_map_iter *it, __u64 *keys,
			      __u64 *values, __u32 count)
{
	return iterate(fd, it, keys, 8, NULL, values, values ? 8 : 0, count);
}

/* Checks that report the line of the test. */

/* A call that is not the last brings half of what is wanted, or more. */
#define check_iterated(got, n)						\
	do {								\
		int __got = (got), __n = (n);				\
									\
		EXPECT_LE(__n / 2, __got);				\
		EXPECT_GE(__n, __got);					\
	} while (0)

#define check_entries(fd, n)						\
	do {								\
		struct gochan_map_info __info;				\
									\
		EXPECT_EQ(0, map_info(fd, &__info));			\
		EXPECT_EQ((__u64)(n), __info.entries);			\
		EXPECT_LE(__info.bytes, __info.charged);		\
	} while (0)

#define check_u64(fd, key, value)					\
	do {								\
		__u64 __got;						\
									\
		EXPECT_EQ(0, get_u64(fd, key, &__got));			\
		EXPECT_EQ((__u64)(value), __got);			\
	} while (0)

#define check_absent(fd, key)						\
	do {								\
		__u64 __got;						\
									\
		EXPECT_EQ(-ENOENT, get_u64(fd, key, &__got));		\
		EXPECT_EQ(POISON_U64, __got);				\
	} while (0)

/* Keys without a pattern, the same ones each time; no two are equal. */
static inline __u64 scramble(__u64 x)
{
	x = (x ^ x >> 31) * 0x7fb5d329728ea185ULL;
	x = (x ^ x >> 27) * 0x81dadef4bc2dd44dULL;
	return x ^ x >> 33;
}

#endif /* MAP_TEST_H */
