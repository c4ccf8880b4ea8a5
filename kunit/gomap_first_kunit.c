// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - stores into the first group of a search, and beyond
 *
 * Maps of words by words have a way of their own for what the first group
 * decides. Their hash is not for a test to choose: keys are sought that go where
 * they shall.
 */

#include "../kmod/core/map_key.h"
#include "gomap_kunit.h"

/* Seven of eight slots of two groups. */
#define LIMIT	14

static u64 hash_of(const struct gomap *m, u64 key)
{
	u64 hash;

	rcu_read_lock();
	hash = gomap_hash_u64(key, rcu_dereference(m->dir)->seed.key[0]);
	rcu_read_unlock();
	return hash;
}

/* The next key above @key whose search in @m begins at @group. */
static u64 key_in(const struct gomap *m, u64 key, u32 group)
{
	u32 mask = gomap_mask(gmt_table(m, 0));

	do {
		key++;
	} while (gomap_first_group(hash_of(m, key), mask) != group);
	return key;
}

/* The next key that looks the same as @key in its control byte, too. */
static u64 twin_of(const struct gomap *m, u64 key)
{
	u32 mask = gomap_mask(gmt_table(m, 0));
	u64 hash = hash_of(m, key), twin = key;

	do {
		twin = key_in(m, twin, gomap_first_group(hash, mask));
	} while (gomap_h2(hash_of(m, twin)) != gomap_h2(hash));
	return twin;
}

/* A map with one table of two groups, and no entry. */
static struct gomap *two_groups(struct kunit *test)
{
	static const struct gomap_params words = {
		.key_size = sizeof(u64),
		.val_size = sizeof(u64),
	};
	struct gomap *m = gmt_map(test, &words, GMT_REAL, LIMIT);

	KUNIT_ASSERT_EQ(test, (int)m->kind, (int)GOMAP_K8V8);
	GMT_EXPECT_SHAPE(test, m, 0, 1, 16);
	return m;
}

/* Put @nr keys of @group. Return the last one. */
static u64 put_in(struct kunit *test, struct gomap *m, u32 group, u32 nr,
		  u64 key)
{
	while (nr--) {
		key = key_in(m, key, group);
		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, key, key, GOMAP_NEW));
	}
	return key;
}

/* What is asked of a key that is there, and of one that is not. */
static void expect_rules(struct kunit *test, struct gomap *m, u64 there,
			 u64 absent)
{
	size_t entries = gomap_len(m);
	u64 sum = 1;

	KUNIT_EXPECT_EQ(test, -EEXIST, gmt_put(m, there, 1, GOMAP_NEW));
	KUNIT_EXPECT_EQ(test, 0, gmt_put(m, there, 2, GOMAP_EXISTING));
	KUNIT_EXPECT_TRUE(test, gmt_has(m, there, 2));
	KUNIT_EXPECT_EQ(test, 0, gmt_put(m, there, 3, GOMAP_ANY));
	KUNIT_EXPECT_EQ(test, 0, gomap_add(m, &there, 4, GOMAP_ANY, &sum,
					   GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 7ULL, sum);
	KUNIT_EXPECT_TRUE(test, gmt_has(m, there, 7));

	KUNIT_EXPECT_EQ(test, -ENOENT, gmt_put(m, absent, 1, GOMAP_EXISTING));
	KUNIT_EXPECT_EQ(test, -ENOENT, gomap_add(m, &absent, 1, GOMAP_EXISTING,
						 &sum, GFP_KERNEL));
	KUNIT_EXPECT_TRUE(test, gmt_lacks(m, absent));
	KUNIT_EXPECT_EQ(test, entries, gomap_len(m));
	GMT_CHECK(test, m);
}

static void another_key_looks_the_same(struct kunit *test)
{
	struct gomap *m = two_groups(test);
	u64 key = put_in(test, m, 1, 1, 0), twin = twin_of(m, key);

	expect_rules(test, m, key, twin);
	KUNIT_EXPECT_EQ(test, 0, gmt_put(m, twin, 8, GOMAP_NEW));
	KUNIT_EXPECT_TRUE(test, gmt_has(m, key, 7));
	expect_rules(test, m, twin, twin_of(m, twin));
	KUNIT_EXPECT_TRUE(test, gmt_has(m, key, 7));
}

/* A group that was full has deleted slots where others have empty ones. */
static void slots_of_deleted_entries_are_filled(struct kunit *test)
{
	struct gomap *m = two_groups(test);
	u64 key = put_in(test, m, 0, GOMAP_GROUP, 0), new;
	u32 left;

	KUNIT_ASSERT_EQ(test, 0, gmt_delete(m, key));
	left = gmt_table(m, 0)->growth_left;
	KUNIT_ASSERT_EQ(test, 1U, gomap_tombstones(gmt_table(m, 0)));
	new = key_in(m, key, 0);
	KUNIT_EXPECT_EQ(test, -ENOENT, gmt_put(m, new, 1, GOMAP_EXISTING));
	KUNIT_EXPECT_EQ(test, 0, gmt_put(m, new, 1, GOMAP_NEW));
	KUNIT_EXPECT_EQ(test, 0U, gomap_tombstones(gmt_table(m, 0)));
	KUNIT_EXPECT_EQ(test, left, (u32)gmt_table(m, 0)->growth_left);
	KUNIT_EXPECT_TRUE(test, gmt_lacks(m, key));
	expect_rules(test, m, new, key);
}

/* An empty slot is not to be filled if that was the last one of its table. */
static void table_without_room_grows(struct kunit *test)
{
	struct gomap *m = two_groups(test);
	u64 there = put_in(test, m, 0, LIMIT / 2, 0), sum = 0;
	u64 absent = key_in(m, put_in(test, m, 1, LIMIT / 2, 0), 1);

	KUNIT_ASSERT_EQ(test, 0, (int)gmt_table(m, 0)->growth_left);
	expect_rules(test, m, there, absent);
	GMT_EXPECT_SHAPE(test, m, LIMIT, 1, 16);
	KUNIT_EXPECT_EQ(test, 0, gomap_add(m, &absent, 5, GOMAP_NEW, &sum,
					   GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 5ULL, sum);
	GMT_EXPECT_SHAPE(test, m, LIMIT + 1, 1, 32);
	expect_rules(test, m, absent, key_in(m, absent, 1));
}

/* A single group may be full. */
static void full_group_grows(struct kunit *test)
{
	struct gomap *m = gmt_map_u64(test, GMT_REAL);
	u64 key;

	for (key = 0; key < GOMAP_GROUP; key++)
		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, key, key, GOMAP_NEW));
	GMT_EXPECT_SHAPE(test, m, GOMAP_GROUP, 1, GOMAP_GROUP);
	expect_rules(test, m, 3, key);
	KUNIT_EXPECT_EQ(test, 0, gmt_put(m, key, key, GOMAP_NEW));
	GMT_EXPECT_SHAPE(test, m, GOMAP_GROUP + 1, 1, 2 * GOMAP_GROUP);
	expect_rules(test, m, key, key + 1);
}

static void full_map_takes_no_more(struct kunit *test)
{
	static const struct gomap_params few = {
		.key_size = sizeof(u64),
		.val_size = sizeof(u64),
		.max_entries = 3,
	};
	struct gomap *m = gmt_map(test, &few, GMT_REAL, LIMIT);
	u64 key = put_in(test, m, 0, 3, 0), absent = key_in(m, key, 0);

	expect_rules(test, m, key, absent);
	KUNIT_EXPECT_EQ(test, -E2BIG, gmt_put(m, absent, 1, GOMAP_ANY));
	KUNIT_EXPECT_EQ(test, -E2BIG, gmt_put(m, twin_of(m, key), 1,
					      GOMAP_NEW));
	expect_rules(test, m, key, absent);
}

/* The next key above @key that has room in its first group. */
static u64 key_with_room(const struct gomap *m, u64 key)
{
	const struct gomap_table *t = gmt_table(m, 0);
	unsigned long group;

	do {
		group = gomap_first_group(hash_of(m, ++key), gomap_mask(t));
	} while (!gomap_match_empty(t->ctrl[group]));
	return key;
}

/* The inserts before the split of a full-size table stock for it. */
static void last_inserts_stock(struct kunit *test)
{
	struct gomap *m = gmt_map_u64(test, GMT_REAL);
	unsigned int i;
	u64 key;

	for (key = 0; key < 894; key++)
		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, key, key, GOMAP_NEW));
	GMT_EXPECT_SHAPE(test, m, 894, 1, 1024);
	KUNIT_EXPECT_EQ(test, 0U, m->nr_pool);
	for (i = 1; i <= GOMAP_STOCK; i++) {
		key = key_with_room(m, key);
		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, key, key, GOMAP_NEW));
		KUNIT_EXPECT_EQ(test, i, m->nr_pool);
	}
	GMT_EXPECT_SHAPE(test, m, 896, 1, 1024);
	GMT_CHECK(test, m);
}

static struct kunit_case first_cases[] = {
	KUNIT_CASE(another_key_looks_the_same),
	KUNIT_CASE(slots_of_deleted_entries_are_filled),
	KUNIT_CASE(table_without_room_grows),
	KUNIT_CASE(full_group_grows),
	KUNIT_CASE(full_map_takes_no_more),
	KUNIT_CASE(last_inserts_stock),
	{}
};

struct kunit_suite gomap_first_suite = {
	.name = "gomap-first",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = first_cases,
};
