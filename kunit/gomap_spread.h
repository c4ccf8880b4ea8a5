/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Maps that hash a key to itself, with keys that are spread evenly.
 */

#ifndef GOMAP_SPREAD_H
#define GOMAP_SPREAD_H

#include <linux/hash.h>

#include "gomap_kunit.h"

static const struct gomap_params by_key = {
	.key_size = sizeof(u64),
	.val_size = sizeof(u64),
	.hash = gmt_hash_is_key,
	.equal = gmt_equal,
};

static inline u32 dir_depth(const struct gomap *m)
{
	u32 depth;

	rcu_read_lock();
	depth = rcu_dereference(m->dir)->depth;
	rcu_read_unlock();
	return depth;
}

/* Key @i of a sequence without repetition: as good as random. */
static inline u64 spread(u64 i)
{
	i *= GOLDEN_RATIO_64;
	i = (i ^ i >> 29) * GOLDEN_RATIO_64;
	return i ^ i >> 32;
}

static inline void put_spread(struct kunit *test, struct gomap *m, u64 from,
			      u64 to)
{
	for (; from < to; from++)
		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, spread(from), from,
						 GOMAP_NEW));
}

static inline u64 missing_spread(const struct gomap *m, u64 from, u64 to)
{
	u64 missing = 0;

	for (; from < to; from++)
		missing += !gmt_has(m, spread(from), from);
	return missing;
}

#endif /* GOMAP_SPREAD_H */
