// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - the rules of one table, with their numbers
 *
 * Hints, the way from the empty map to a full table, tombstones, pruning,
 * seeds, clearing. Where a rule depends on the group that a key goes to, the
 * map hashes a key to itself, and the test composes the key.
 */

#include <linux/limits.h>
#include <linux/log2.h>

#include "../kmod/core/map_key.h"
#include "gomap_kunit.h"

/* A key whose search starts at @group; @nr tells it from others. */
static u64 key_in(u64 group, u64 nr)
{
	/* Bits 14 to 63 are not used by a table of 128 groups. */
	return nr << 14 | group << 7 | nr % 0x80;
}

static const struct gomap_params plain = {
	.key_size = sizeof(u64),
	.val_size = sizeof(u64),
};

static const struct gomap_params composed = {
	.key_size = sizeof(u64),
	.val_size = sizeof(u64),
	.hash = gmt_hash_is_key,
};

static size_t tombstones(const struct gomap *m)
{
	struct gomap_stats st;

	gomap_stats(m, &st);
	return st.tombstones;
}

static size_t slots(const struct gomap *m)
{
	struct gomap_stats st;

	gomap_stats(m, &st);
	return st.slots;
}

static u32 growth_left(const struct gomap *m)
{
	return gmt_table(m, 0)->growth_left;
}

/*
 * Hints.
 */

struct hint_param {
	size_t hint;
	size_t tables;
	size_t slots_each;
};

static const struct hint_param hints[] = {
	{ 0, 0, 0 }, { 1, 0, 0 }, { 8, 0, 0 },
	{ 9, 1, 16 }, { 14, 1, 16 }, { 15, 1, 32 }, { 28, 1, 32 },
	{ 29, 1, 64 }, { 448, 1, 512 }, { 449, 1, 1024 }, { 896, 1, 1024 },
	{ 897, 2, 512 }, { 1792, 2, 1024 }, { 1793, 4, 512 },
	{ 2000, 4, 1024 },
	{ LONG_MAX, 0, 0 }, { SIZE_MAX, 0, 0 }, { SIZE_MAX / 8 + 1, 0, 0 },
};

static void hint_desc(const struct hint_param *param, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%zu: %zu tables of %zu",
		 param->hint, param->tables, param->slots_each);
}

KUNIT_ARRAY_PARAM(hint, hints, hint_desc);

static void hint_gives_tables(struct kunit *test)
{
	const struct hint_param *param = test->param_value;
	struct gomap *m = gmt_map(test, &plain, GMT_REAL, param->hint);
	struct gomap_stats st;

	GMT_EXPECT_SHAPE(test, m, 0, param->tables,
			 param->tables * param->slots_each);
	gomap_stats(m, &st);
	KUNIT_EXPECT_EQ(test, st.depth,
			(u32)(param->tables ? ilog2(param->tables) : 0));
	KUNIT_EXPECT_EQ(test, !st.bytes, !param->tables);
	GMT_CHECK(test, m);
	gmt_fill(test, m, 0, 20);
	KUNIT_EXPECT_EQ(test, gmt_missing(m, 0, 20), 0ULL);
	GMT_CHECK(test, m);
}

/* One table has room for exactly what was asked for, without any memory. */
static void hint_of_one_table_suffices(struct kunit *test)
{
	static const size_t full[] = { 14, 28, 56, 112, 224, 448, 896 };
	unsigned int i;
	u64 key;

	for (i = 0; i < ARRAY_SIZE(full); i++) {
		struct gomap *m = gmt_map(test, &plain, GMT_REAL, full[i]);
		size_t before = slots(m);

		for (key = 0; key < full[i]; key++)
			KUNIT_ASSERT_EQ(test, 0, gmt_put_nowait(m, key, key));
		KUNIT_EXPECT_EQ(test, slots(m), before);
		KUNIT_EXPECT_EQ(test, growth_left(m), 0U);
		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, key, key, GOMAP_NEW));
		KUNIT_EXPECT_EQ(test, slots(m), 2 * before);
		KUNIT_EXPECT_EQ(test, gmt_missing(m, 0, full[i] + 1), 0ULL);
		GMT_CHECK(test, m);
	}
}

/* 897 is room for 896: two halves of 448, and one more makes one of them grow */
static void hint_897_is_exceeded_by_one(struct kunit *test)
{
	struct gomap *m = gmt_map(test, &composed, GMT_REAL, 897);
	u64 i, top = BIT_ULL(63);

	for (i = 0; i < 448; i++) {
		u64 key = key_in(i % 64, i);

		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, key, 1, GOMAP_NEW));
		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, key | top, 2, GOMAP_NEW));
	}
	GMT_EXPECT_SHAPE(test, m, 896, 2, 2 * 512);
	KUNIT_EXPECT_EQ(test, 0, gmt_put(m, key_in(0, 448), 1, GOMAP_NEW));
	GMT_EXPECT_SHAPE(test, m, 897, 2, 512 + 1024);
	GMT_CHECK(test, m);
}

/*
 * From nothing to a full table.
 */

static void first_insert_makes_one_group(struct kunit *test)
{
	struct gomap *m = gmt_map_u64(test, GMT_REAL);

	GMT_EXPECT_SHAPE(test, m, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, 0, gmt_put(m, 1, 10, GOMAP_ANY));
	GMT_EXPECT_SHAPE(test, m, 1, 1, 8);
	KUNIT_EXPECT_TRUE(test, gmt_has(m, 1, 10));
	KUNIT_EXPECT_TRUE(test, gmt_lacks(m, 2));
}

static void eight_keys_fill_one_group(struct kunit *test)
{
	struct gomap *m = gmt_map_u64(test, GMT_REAL);
	u64 key;

	gmt_fill(test, m, 0, 8);
	GMT_EXPECT_SHAPE(test, m, 8, 1, 8);
	KUNIT_EXPECT_EQ(test, gmt_missing(m, 0, 8), 0ULL);
	KUNIT_EXPECT_TRUE(test, gmt_lacks(m, 8));

	/* Full is not in the way of an overwrite. */
	for (key = 0; key < 8; key++) {
		KUNIT_EXPECT_EQ(test, 0, gmt_put_nowait(m, key, key + 100));
		KUNIT_EXPECT_EQ(test, -EEXIST, gmt_put(m, key, 0, GOMAP_NEW));
	}
	GMT_EXPECT_SHAPE(test, m, 8, 1, 8);
	KUNIT_EXPECT_TRUE(test, gmt_has(m, 7, 107));
	GMT_CHECK(test, m);
}

static void ninth_key_converts(struct kunit *test)
{
	struct gomap *m = gmt_map_u64(test, GMT_REAL);
	struct gomap_stats st;

	gmt_fill(test, m, 0, 9);
	GMT_EXPECT_SHAPE(test, m, 9, 1, 16);
	gomap_stats(m, &st);
	KUNIT_EXPECT_EQ(test, st.depth, 0U);
	KUNIT_EXPECT_EQ(test, growth_left(m), 14U - 9);
	KUNIT_EXPECT_EQ(test, gmt_missing(m, 0, 9), 0ULL);
	GMT_CHECK(test, m);
}

static void one_group_has_no_tombstones(struct kunit *test)
{
	struct gomap *m = gmt_map_u64(test, GMT_REAL);
	u64 key;

	gmt_fill(test, m, 0, 8);
	for (key = 0; key < 1000; key++) {
		KUNIT_ASSERT_EQ(test, 0, gmt_delete(m, key));
		KUNIT_ASSERT_EQ(test, tombstones(m), (size_t)0);
		KUNIT_ASSERT_EQ(test, 0, gmt_put_nowait(m, key + 8, key + 8));
	}
	GMT_EXPECT_SHAPE(test, m, 8, 1, 8);
	KUNIT_EXPECT_EQ(test, gmt_missing(m, 1000, 1008), 0ULL);
	GMT_CHECK(test, m);
}

/* Doubling at 8, 14, 28, ... 448; a split at 896. */
static void growth_at_seven_eighths(struct kunit *test)
{
	struct gomap *m = gmt_map_u64(test, GMT_REAL);
	size_t want = 8, limit = 8;
	u64 key;

	for (key = 0; key < 897; key++) {
		if (key == limit) {
			want *= 2;
			limit = want / 8 * 7;
		}
		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, key, key, GOMAP_NEW));
		KUNIT_ASSERT_EQ_MSG(test, slots(m), want, "with %llu keys",
				    key + 1);
	}
	GMT_EXPECT_SHAPE(test, m, 897, 2, 2048);
	KUNIT_EXPECT_EQ(test, gmt_missing(m, 0, 897), 0ULL);
	GMT_CHECK(test, m);
}

/*
 * Tombstones. The table of the following tests has two groups: "a" of eight
 * keys in group 0 and one, the last, that found it full and went to group 1.
 */

static struct gomap *overflown(struct kunit *test)
{
	struct gomap *m = gmt_map(test, &composed, GMT_REAL, 14);
	u64 nr;

	for (nr = 0; nr < 9; nr++)
		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, key_in(0, nr), nr,
						 GOMAP_NEW));
	KUNIT_ASSERT_EQ(test, 8, hweight64(gomap_match_full(gmt_table(m, 0)->ctrl[0])));
	KUNIT_ASSERT_EQ(test, growth_left(m), 5U);
	return m;
}

static void delete_beside_an_empty_slot(struct kunit *test)
{
	struct gomap *m = overflown(test);

	KUNIT_EXPECT_EQ(test, 0, gmt_delete(m, key_in(0, 8)));
	KUNIT_EXPECT_EQ(test, tombstones(m), (size_t)0);
	KUNIT_EXPECT_EQ(test, growth_left(m), 6U);
	GMT_CHECK(test, m);
}

static void delete_in_a_full_group(struct kunit *test)
{
	struct gomap *m = overflown(test);

	KUNIT_EXPECT_EQ(test, 0, gmt_delete(m, key_in(0, 3)));
	KUNIT_EXPECT_EQ(test, tombstones(m), (size_t)1);
	KUNIT_EXPECT_EQ(test, growth_left(m), 5U);
	/* The search for the ninth goes on behind the tombstone. */
	KUNIT_EXPECT_TRUE(test, gmt_has(m, key_in(0, 8), 8));
	KUNIT_EXPECT_TRUE(test, gmt_lacks(m, key_in(0, 3)));
	KUNIT_EXPECT_EQ(test, -ENOENT, gmt_delete(m, key_in(0, 3)));
	GMT_CHECK(test, m);
}

static void no_insert_before_the_end_of_the_search(struct kunit *test)
{
	struct gomap *m = overflown(test);

	KUNIT_EXPECT_EQ(test, 0, gmt_delete(m, key_in(0, 3)));
	KUNIT_EXPECT_EQ(test, -EEXIST, gmt_put(m, key_in(0, 8), 0, GOMAP_NEW));
	KUNIT_EXPECT_EQ(test, 0, gmt_put(m, key_in(0, 8), 80, GOMAP_ANY));
	KUNIT_EXPECT_EQ(test, gomap_len(m), (size_t)8);
	KUNIT_EXPECT_EQ(test, tombstones(m), (size_t)1);
	KUNIT_EXPECT_EQ(test, 0, gmt_delete(m, key_in(0, 8)));
	KUNIT_EXPECT_TRUE(test, gmt_lacks(m, key_in(0, 8)));
	GMT_CHECK(test, m);
}

static void first_tombstone_is_reused(struct kunit *test)
{
	struct gomap *m = overflown(test);
	const struct gomap_table *t;

	KUNIT_EXPECT_EQ(test, 0, gmt_delete(m, key_in(0, 5)));
	KUNIT_EXPECT_EQ(test, 0, gmt_delete(m, key_in(0, 2)));
	KUNIT_EXPECT_EQ(test, 0, gmt_put_nowait(m, key_in(0, 20), 20));
	t = gmt_table(m, 0);
	KUNIT_EXPECT_EQ(test, tombstones(m), (size_t)1);
	KUNIT_EXPECT_EQ(test, t->growth_left, 5);
	KUNIT_EXPECT_EQ(test, gomap_ctrl_byte(t, 2), 20);
	KUNIT_EXPECT_EQ(test, gomap_ctrl_byte(t, 5), GOMAP_DELETED);
	/* A key of the other group does not come by. */
	KUNIT_EXPECT_EQ(test, 0, gmt_put_nowait(m, key_in(1, 21), 21));
	KUNIT_EXPECT_EQ(test, growth_left(m), 4U);
	KUNIT_EXPECT_EQ(test, tombstones(m), (size_t)1);
	GMT_CHECK(test, m);
}

static void tombstones_count_as_taken(struct kunit *test)
{
	struct gomap *m = overflown(test);
	u64 nr;

	KUNIT_EXPECT_EQ(test, 0, gmt_delete(m, key_in(0, 0)));
	for (nr = 0; nr < 5; nr++)
		KUNIT_EXPECT_EQ(test, 0, gmt_put_nowait(m, key_in(1, 30 + nr),
							1));
	KUNIT_EXPECT_EQ(test, growth_left(m), 0U);
	KUNIT_EXPECT_EQ(test, slots(m), (size_t)16);
	/* Room is left, but for those only that pass the tombstone. */
	KUNIT_EXPECT_EQ(test, 0, gmt_put_nowait(m, key_in(0, 0), 0));
	KUNIT_EXPECT_EQ(test, slots(m), (size_t)16);
	KUNIT_EXPECT_EQ(test, tombstones(m), (size_t)0);
	KUNIT_EXPECT_EQ(test, 0, gmt_put(m, key_in(1, 40), 1, GOMAP_NEW));
	KUNIT_EXPECT_EQ(test, slots(m), (size_t)32);
	GMT_CHECK(test, m);
}

/* Is gomap_passed() right of a table from which nothing was removed since? */
static void expect_passed(struct kunit *test, const struct gomap_table *t)
{
	u32 nr, mask = gomap_mask(t);
	u8 passed[8] = { };

	KUNIT_ASSERT_LT(test, mask, (u32)ARRAY_SIZE(passed));
	for (nr = 0; nr < gomap_table_slots(t); nr++) {
		u64 hash = ((const u64 *)t->slots)[2 * nr];
		struct gomap_probe p = gomap_probe_start(hash, mask);

		if (gomap_ctrl_byte(t, nr) & GOMAP_EMPTY)
			continue;
		KUNIT_ASSERT_EQ(test, hash & GOMAP_FULL,
				gomap_ctrl_byte(t, nr));
		for (; p.group != nr / GOMAP_GROUP; gomap_probe_next(&p, mask))
			passed[p.group] |= 1 << gomap_class(hash);
	}
	for (nr = 0; nr <= mask; nr++)
		KUNIT_EXPECT_EQ(test, passed[nr], *gomap_passed(t->ctrl, nr));
}

/*
 * Pruning. Group 0 is full, then some of it is deleted; the others fill the
 * table, and then one more key comes by that group or not.
 */

struct prune_param {
	const char *name;
	u64 deleted;
	bool passed;
	size_t want_slots;
	size_t want_tombstones;
	u32 want_left;
};

static const struct prune_param prunes[] = {
	{ "useless tombstones", 2, false, 16, 0, 1 },
	{ "a whole group", 8, false, 16, 0, 7 },
	{ "fewer than a tenth", 1, false, 32, 0, 14 },
	{ "a search passes them", 3, true, 32, 0, 16 },
};

static void prune_desc(const struct prune_param *param, char *desc)
{
	strscpy(desc, param->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(prune, prunes, prune_desc);

static void prune_before_growth(struct kunit *test)
{
	const struct prune_param *param = test->param_value;
	struct gomap *m = gmt_map(test, &composed, GMT_REAL, 14);
	u64 nr;

	for (nr = 0; nr < 14; nr++) {
		u64 group = nr >= 8 && !(param->passed && nr == 8);

		KUNIT_ASSERT_EQ(test, 0, gmt_put_nowait(m, key_in(group, nr),
							nr));
	}
	KUNIT_ASSERT_EQ(test, growth_left(m), 0U);
	for (nr = 0; nr < param->deleted; nr++)
		KUNIT_ASSERT_EQ(test, 0, gmt_delete(m, key_in(0, nr)));
	KUNIT_ASSERT_EQ(test, tombstones(m), (size_t)param->deleted);

	KUNIT_EXPECT_EQ(test, 0, gmt_put(m, key_in(1, 99), 99, GOMAP_NEW));
	KUNIT_EXPECT_EQ(test, slots(m), param->want_slots);
	KUNIT_EXPECT_EQ(test, tombstones(m), param->want_tombstones);
	KUNIT_EXPECT_EQ(test, growth_left(m), param->want_left);
	GMT_CHECK(test, m);
	expect_passed(test, gmt_table(m, 0));
	for (nr = param->deleted; nr < 14; nr++) {
		u64 group = nr >= 8 && !(param->passed && nr == 8);

		KUNIT_EXPECT_TRUE(test, gmt_has(m, key_in(group, nr), nr));
	}
}

/* No entry moves: what stays is where it was. */
static void pruning_moves_nothing(struct kunit *test)
{
	struct gomap *m = gmt_map(test, &composed, GMT_REAL, 56);
	struct gomap_table *t = gmt_table(m, 0);
	u64 nr, before[8], after;
	u32 group;

	for (nr = 0; nr < 56; nr++)
		KUNIT_ASSERT_EQ(test, 0, gmt_put_nowait(m, key_in(nr / 8, nr),
							nr));
	for (nr = 0; nr < 48; nr += 3)
		KUNIT_ASSERT_EQ(test, 0, gmt_delete(m, key_in(nr / 8, nr)));
	KUNIT_ASSERT_EQ(test, tombstones(m), (size_t)16);
	for (group = 0; group < 8; group++)
		before[group] = gomap_match_full(t->ctrl[group]);

	KUNIT_EXPECT_EQ(test, 0, gmt_put_nowait(m, key_in(7, 99), 99));
	KUNIT_ASSERT_PTR_EQ(test, gmt_table(m, 0), t);
	KUNIT_EXPECT_EQ(test, tombstones(m), (size_t)0);
	for (group = 0; group < 8; group++) {
		after = gomap_match_full(t->ctrl[group]);
		KUNIT_EXPECT_EQ(test, before[group], after & before[group]);
	}
	GMT_CHECK(test, m);
}

/*
 * Where searches have gone on.
 */

/* After inserts one by one (@hint), and after entries have moved (without). */
static void passed_groups_are_noted(struct kunit *test)
{
	static const size_t hints[] = { 56, 0 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hints); i++) {
		struct gomap *m = gmt_map(test, &composed, GMT_REAL, hints[i]);
		const struct gomap_table *t;
		u8 first;
		u64 nr;

		/* Six groups for what eight have room for. */
		for (nr = 0; nr < 56; nr++)
			KUNIT_ASSERT_EQ(test, 0, gmt_put(m, key_in(nr % 6, nr),
							 nr, GOMAP_NEW));
		t = gmt_table(m, 0);
		KUNIT_ASSERT_EQ(test, gomap_mask(t), 7U);
		expect_passed(test, t);
		/* Who searches and is of no class that has gone on stops. */
		first = *gomap_passed(t->ctrl, 0);
		KUNIT_EXPECT_NE(test, first, 0);
		KUNIT_EXPECT_NE(test, first, 0xff);
		GMT_CHECK(test, m);
	}
}

/* One has gone on behind group 0, and is removed; then that is pruned. */
static void pruning_renews_passed_bytes(struct kunit *test)
{
	struct gomap *m = gmt_map(test, &composed, GMT_REAL, 14);
	struct gomap_table *t;
	u64 nr;

	for (nr = 0; nr < 14; nr++)
		KUNIT_ASSERT_EQ(test, 0, gmt_put_nowait(m, key_in(nr > 8, nr),
							nr));
	t = gmt_table(m, 0);
	expect_passed(test, t);
	KUNIT_ASSERT_NE(test, 0, *gomap_passed(t->ctrl, 0));
	KUNIT_ASSERT_EQ(test, 0, gmt_delete(m, key_in(0, 8)));
	for (nr = 0; nr < 2; nr++)
		KUNIT_ASSERT_EQ(test, 0, gmt_delete(m, key_in(0, nr)));
	for (nr = 20; nr < 22; nr++)
		KUNIT_ASSERT_EQ(test, 0, gmt_put_nowait(m, key_in(1, nr), nr));
	KUNIT_ASSERT_PTR_EQ(test, gmt_table(m, 0), t);
	KUNIT_EXPECT_EQ(test, tombstones(m), (size_t)0);
	KUNIT_EXPECT_EQ(test, 0, *gomap_passed(t->ctrl, 0));
	GMT_CHECK(test, m);
}

/* The groups that a search for an absent key looks at. */
static u32 steps(const struct gomap *m, u64 hash)
{
	const struct gomap_dir *d = rcu_dereference_protected(m->dir, true);
	const struct gomap_table *t = gomap_dir_table(d, hash);
	struct gomap_probe p = gomap_probe_start(hash, gomap_mask(t));

	while (p.step < gomap_mask(t) &&
	       !gomap_ends(t, p.group, t->ctrl[p.group], hash))
		gomap_probe_next(&p, gomap_mask(t));
	return p.step + 1;
}

/*
 * Entries come and go in a table that is pruned again and again: passed bytes of
 * those that have gone must not stay, or nearly all bits would be set by now.
 */
static void turnover_keeps_searches_short(struct kunit *test)
{
	enum { LIVE = 650, TIMES = 30 };
	struct gomap *m = gmt_map(test, &composed, GMT_REAL, 896);
	struct rnd_state rnd;
	u32 nr, sum = 0;
	u64 *keys;

	keys = kunit_kcalloc(test, LIVE, sizeof(*keys), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, keys);
	prandom_seed_state(&rnd, 1);
	for (nr = 0; nr < LIVE * TIMES; nr++) {
		u64 *key = &keys[nr % LIVE];

		if (nr >= LIVE)
			KUNIT_ASSERT_EQ(test, 0, gmt_delete(m, *key));
		prandom_bytes_state(&rnd, key, sizeof(*key));
		KUNIT_ASSERT_EQ(test, 0, gmt_put_nowait(m, *key, nr));
	}
	GMT_CHECK(test, m);
	KUNIT_ASSERT_EQ(test, slots(m), (size_t)1024);
	for (nr = 0; nr < 1000; nr++) {
		u64 absent;

		prandom_bytes_state(&rnd, &absent, sizeof(absent));
		sum += steps(m, absent);
	}
	/* One each, and a few that go on; with stale bits it would be twice as many. */
	KUNIT_EXPECT_LT(test, sum, 1500U);
}

/*
 * Slots of new entries.
 */

static void new_entries_start_at_zero(struct kunit *test)
{
	static const u32 sizes[] = { 4, 8 };
	unsigned int i, round;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		const struct gomap_params p = {
			.key_size = sizeof(u64),
			.val_size = sizes[i],
		};
		struct gomap *m = gmt_map(test, &p, 16, 0);
		u64 key, sum, garbage = GCT_POISON_U64;

		for (round = 0; round < 3; round++) {
			for (key = 0; key < 40; key++)
				KUNIT_ASSERT_EQ(test, 0,
						gomap_put(m, &key, &garbage,
							  GOMAP_NEW,
							  GFP_KERNEL));
			for (key = 0; key < 40; key++)
				KUNIT_ASSERT_EQ(test, 0, gmt_delete(m, key));
			for (key = 40; key < 80; key++) {
				KUNIT_ASSERT_EQ(test, 0,
						gomap_add(m, &key, 5, GOMAP_NEW,
							  &sum, GFP_KERNEL));
				KUNIT_ASSERT_EQ(test, sum, 5ULL);
				KUNIT_ASSERT_EQ(test, 0, gmt_delete(m, key));
			}
		}
		GMT_CHECK(test, m);
	}
}

/*
 * Clearing, and seeds.
 */

static void clear_removes_all(struct kunit *test)
{
	static const u64 sizes[] = { 0, 1, 8, 9, 14, 500, 897, 3000 };
	unsigned int i, round;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct gomap *m = gmt_map_u64(test, GMT_REAL);
		struct gomap_stats st;

		for (round = 0; round < 2; round++) {
			gmt_fill(test, m, 0, sizes[i]);
			gomap_clear(m);
			KUNIT_EXPECT_EQ(test, gmt_missing(m, 0, sizes[i]),
					sizes[i]);
			KUNIT_EXPECT_EQ(test, gomap_len(m), (size_t)0);
			gomap_stats(m, &st);
			KUNIT_EXPECT_EQ(test, st.tombstones, (size_t)0);
			KUNIT_EXPECT_EQ(test, st.slots, (size_t)0);
			GMT_CHECK(test, m);
		}
	}
}

/* The seed with which the last key was hashed. */
static u64 last_seed;

static u64 hash_and_tell(const void *key, u32 len, u64 seed)
{
	WRITE_ONCE(last_seed, seed);
	return gmt_hash_good(key, len, seed);
}

static u64 seed_of(const struct gomap *m)
{
	u64 key = 0;

	/* Not to be missed if the map does not hash at all. */
	WRITE_ONCE(last_seed, 0);
	gomap_contains(m, &key);
	return READ_ONCE(last_seed);
}

static struct gomap *telling(struct kunit *test, u32 max_slots)
{
	static const struct gomap_params p = {
		.key_size = sizeof(u64),
		.val_size = sizeof(u64),
		.hash = hash_and_tell,
	};

	return gmt_map(test, &p, max_slots, 0);
}

static void seeds_of_maps_differ(struct kunit *test)
{
	struct gomap *a = telling(test, GMT_REAL), *b = telling(test, GMT_REAL);

	gmt_fill(test, a, 0, 3);
	gmt_fill(test, b, 0, 3);
	KUNIT_EXPECT_NE(test, seed_of(a), seed_of(b));
}

static void clear_draws_a_new_seed(struct kunit *test)
{
	struct gomap *m = telling(test, GMT_REAL);
	u64 seed;

	gmt_fill(test, m, 0, 100);
	seed = seed_of(m);
	gomap_clear(m);
	gmt_fill(test, m, 0, 1);
	KUNIT_EXPECT_NE(test, seed_of(m), seed);
}

struct empty_param {
	const char *name;
	u32 max_slots;
	u64 keys;
};

static const struct empty_param empties[] = {
	{ "of one group", GMT_REAL, 5 },
	{ "of one table", GMT_REAL, 300 },
	{ "of several tables", GMT_REAL, 3000 },
	{ "of small tables", 8, 100 },
};

static void empty_desc(const struct empty_param *param, char *desc)
{
	strscpy(desc, param->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(empty, empties, empty_desc);

/* While there are entries the seed must stay, then it must go. */
static void emptied_map_draws_a_new_seed(struct kunit *test)
{
	const struct empty_param *param = test->param_value;
	struct gomap *m = telling(test, param->max_slots);
	u64 key, seed;

	gmt_fill(test, m, 0, param->keys);
	seed = seed_of(m);
	for (key = 0; key < param->keys; key++) {
		KUNIT_ASSERT_EQ(test, seed_of(m), seed);
		KUNIT_ASSERT_EQ(test, 0, gmt_delete(m, key));
	}
	GMT_CHECK(test, m);
	KUNIT_EXPECT_EQ(test, tombstones(m), (size_t)0);
	gmt_fill(test, m, 0, 1);
	KUNIT_EXPECT_NE(test, seed_of(m), seed);
	GMT_CHECK(test, m);
}

static struct kunit_case rules_cases[] = {
	KUNIT_CASE_PARAM(hint_gives_tables, hint_gen_params),
	KUNIT_CASE(hint_of_one_table_suffices),
	KUNIT_CASE(hint_897_is_exceeded_by_one),
	KUNIT_CASE(first_insert_makes_one_group),
	KUNIT_CASE(eight_keys_fill_one_group),
	KUNIT_CASE(ninth_key_converts),
	KUNIT_CASE(one_group_has_no_tombstones),
	KUNIT_CASE(growth_at_seven_eighths),
	KUNIT_CASE(delete_beside_an_empty_slot),
	KUNIT_CASE(delete_in_a_full_group),
	KUNIT_CASE(no_insert_before_the_end_of_the_search),
	KUNIT_CASE(first_tombstone_is_reused),
	KUNIT_CASE(tombstones_count_as_taken),
	KUNIT_CASE_PARAM(prune_before_growth, prune_gen_params),
	KUNIT_CASE(pruning_moves_nothing),
	KUNIT_CASE(passed_groups_are_noted),
	KUNIT_CASE(pruning_renews_passed_bytes),
	KUNIT_CASE(turnover_keeps_searches_short),
	KUNIT_CASE(new_entries_start_at_zero),
	KUNIT_CASE(clear_removes_all),
	KUNIT_CASE(seeds_of_maps_differ),
	KUNIT_CASE(clear_draws_a_new_seed),
	KUNIT_CASE_PARAM(emptied_map_draws_a_new_seed, empty_gen_params),
	{}
};

struct kunit_suite gomap_rules_suite = {
	.name = "gomap-rules",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = rules_cases,
};
