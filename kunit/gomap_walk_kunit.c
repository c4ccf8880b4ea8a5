// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - walks through a map that changes meanwhile
 *
 * A walk is an iteration, or a scan with batches of some size; both give the
 * same guarantees. A journal of what is in the map, with which version, and
 * since when, tells of each entry that is produced whether it may be, and at
 * the end whether one is missing. Changes happen at every step of a walk, and
 * in random scripts whose seed is printed.
 */

#include <linux/prandom.h>
#include <linux/slab.h>

#include "gomap_kunit.h"

#define IDS		3072
#define MAX_BATCH	64

static const struct gomap_params plain = {
	.key_size = sizeof(u64),
	.val_size = sizeof(u64),
};

/**
 * struct entry - what is known about an id
 * @version: version of its value, 0 if it is not in the map
 * @stayed: it has been in the map since the walk began
 * @inserts: how often it was inserted since then, or before
 * @produced: how often it was produced
 */
struct entry {
	u32 version;
	bool stayed;
	u16 inserts;
	u16 produced;
};

/**
 * struct journal - a walk under way, and what it has to produce
 * @test: the test
 * @m: the map
 * @p: what it holds
 * @rnd: source of random numbers
 * @batch: entries per scan; 0 for an iteration
 * @it: the iterator
 * @c: the cursor
 * @steps: steps done
 * @version: version of the latest value
 * @ids: which ids are used: from 0 to this
 * @entry: what is known about each id
 * @keys: room for a batch
 * @lens: the same
 * @vals: the same
 * @val: room for a value
 */
struct journal {
	struct kunit *test;
	struct gomap *m;
	const struct gomap_params *p;
	struct rnd_state rnd;
	u32 batch;
	struct gomap_iter it;
	struct gomap_cursor c;
	u32 steps;
	u32 version;
	u32 ids;
	struct entry entry[IDS];
	u8 *keys;
	u32 lens[MAX_BATCH];
	u8 *vals;
	u8 *val;
};

static struct journal *journal_new(struct kunit *test,
				   const struct gomap_params *p, u32 batch)
{
	struct journal *j = kunit_kzalloc(test, sizeof(*j), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, j);
	j->test = test;
	j->p = p;
	j->batch = batch;
	j->keys = kunit_kzalloc(test, MAX_BATCH * GOMAP_MAX_KEY_SIZE,
				GFP_KERNEL);
	j->vals = kunit_kcalloc(test, MAX_BATCH, p->val_size, GFP_KERNEL);
	j->val = kunit_kzalloc(test, p->val_size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, j->keys);
	KUNIT_ASSERT_NOT_NULL(test, j->vals);
	KUNIT_ASSERT_NOT_NULL(test, j->val);
	return j;
}

/*
 * Changes, noted down.
 */

static void put(struct journal *j, u32 id)
{
	struct entry *e = &j->entry[id];
	struct gmt_key k;

	gmt_key_of(j->p, &k, id);
	gmt_val_of(j->p->val_size, j->val, id, ++j->version);
	KUNIT_ASSERT_EQ(j->test, 0,
			gomap_put(j->m, k.arg, j->val,
				  e->version ? GOMAP_EXISTING : GOMAP_NEW,
				  GFP_KERNEL));
	e->inserts += !e->version;
	e->version = j->version;
}

static void drop(struct journal *j, u32 id)
{
	struct entry *e = &j->entry[id];
	struct gmt_key k;

	gmt_key_of(j->p, &k, id);
	KUNIT_ASSERT_EQ(j->test, e->version ? 0 : -ENOENT,
			gomap_delete(j->m, k.arg));
	e->version = 0;
	e->stayed = false;
}

static void change_nothing(struct journal *j)
{
}

static void overwrite_all(struct journal *j)
{
	u32 id;

	for (id = 0; id < j->ids; id++)
		if (j->entry[id].version)
			put(j, id);
}

static void delete_some(struct journal *j)
{
	u32 id;

	for (id = 0; id < j->ids; id++)
		if (gmt_below(&j->rnd, 2))
			drop(j, id);
}

static void delete_all(struct journal *j)
{
	u32 id;

	for (id = 0; id < j->ids; id++)
		drop(j, id);
}

static void insert_one(struct journal *j)
{
	if (j->ids < IDS)
		put(j, j->ids++);
}

/* Every table splits twice. */
static void insert_many(struct journal *j)
{
	u32 ids = min_t(u32, 4 * j->ids + 1, IDS);

	while (j->ids < ids)
		put(j, j->ids++);
}

static void reinsert_some(struct journal *j)
{
	u32 id;

	for (id = 0; id < j->ids; id++) {
		if (!j->entry[id].version || gmt_below(&j->rnd, 2))
			continue;
		drop(j, id);
		put(j, id);
	}
}

static void shrink(struct journal *j)
{
	flush_delayed_work(&j->m->shrink_work);
	KUNIT_ASSERT_EQ(j->test, 0, gomap_shrink(j->m, GFP_KERNEL));
}

/* Leave one in 16: tables halve and merge. */
static void delete_most_and_shrink(struct journal *j)
{
	u32 id;

	for (id = 0; id < j->ids; id++)
		if (id % 16 != 5)
			drop(j, id);
	shrink(j);
}

/* Leave one in 16; then the map does one step of shrinking per step of a walk. */
static void delete_most_and_shrink_slowly(struct journal *j)
{
	u32 id;

	for (id = 0; id < j->ids; id++)
		if (id % 16 != 5)
			drop(j, id);
	WRITE_ONCE(j->m->shrink_due, true);
}

static void shrink_and_grow(struct journal *j)
{
	delete_most_and_shrink(j);
	insert_many(j);
}

static void grow_and_shrink(struct journal *j)
{
	u32 id, ids = j->ids;

	insert_many(j);
	for (id = ids / 8; id < j->ids; id++)
		drop(j, id);
	shrink(j);
}

static void delete_all_and_refill(struct journal *j)
{
	u32 id;

	delete_all(j);
	shrink(j);
	for (id = 0; id < j->ids; id++)
		put(j, id);
}

static void clear(struct journal *j)
{
	u32 id;

	gomap_clear(j->m);
	for (id = 0; id < j->ids; id++) {
		j->entry[id].version = 0;
		j->entry[id].stayed = false;
	}
}

static void clear_and_refill(struct journal *j)
{
	u32 id;

	clear(j);
	for (id = 0; id < j->ids; id++)
		put(j, id);
}

struct change {
	const char *name;
	void (*fn)(struct journal *j);
};

/* The first ones are for random scripts: without those that remove all. */
static const struct change changes[] = {
	{ "nothing", change_nothing },
	{ "overwrite all", overwrite_all },
	{ "delete some", delete_some },
	{ "insert one", insert_one },
	{ "insert many", insert_many },
	{ "delete and insert again", reinsert_some },
	{ "shrink", shrink },
	{ "grow and shrink", grow_and_shrink },
	{ "delete most, shrink", delete_most_and_shrink },
	{ "delete most, shrink slowly", delete_most_and_shrink_slowly },
	{ "shrink and grow", shrink_and_grow },
	{ "delete all", delete_all },
	{ "delete all, refill", delete_all_and_refill },
	{ "clear", clear },
	{ "clear, refill", clear_and_refill },
};

#define GENTLE_CHANGES	8

/*
 * Walks.
 */

/* An entry was produced: does it exist, is it its turn? */
static void produced(struct journal *j, const void *key, u32 len,
		     const void *val)
{
	u32 id = gmt_id_of(j->p, key, len), size = j->p->val_size;
	struct entry *e;

	KUNIT_ASSERT_LT(j->test, id, j->ids);
	e = &j->entry[id];
	KUNIT_ASSERT_NE_MSG(j->test, e->version, 0U,
			    "id %u was deleted before step %u", id, j->steps);
	gmt_val_of(size, j->val, id, e->version);
	KUNIT_ASSERT_EQ_MSG(j->test, 0, memcmp(val, j->val, size),
			    "id %u at step %u: old value", id, j->steps);
	KUNIT_ASSERT_LT_MSG(j->test, e->produced, e->inserts,
			    "id %u once more at step %u", id, j->steps);
	e->produced++;
}

static void walk_begin(struct journal *j)
{
	u32 id;

	j->steps = 0;
	for (id = 0; id < IDS; id++) {
		j->entry[id].stayed = j->entry[id].version;
		j->entry[id].inserts = !!j->entry[id].version;
		j->entry[id].produced = 0;
	}
	if (j->batch)
		gomap_cursor_init(&j->c);
	else
		gomap_iter_init(&j->it, j->m);
}

static bool walk_iter(struct journal *j)
{
	struct gmt_key k;

	gmt_key_init(j->p, &k);
	if (!gomap_iter_next(&j->it, k.arg, j->vals))
		return false;
	produced(j, k.data, j->p->flags & GOMAP_BYTES ? k.bytes.len :
		 j->p->key_size, j->vals);
	return true;
}

static bool walk_scan(struct journal *j)
{
	const struct gomap_params *p = j->p;
	int i, n = gomap_scan(j->m, &j->c, j->keys, j->lens, j->vals, j->batch);

	KUNIT_ASSERT_GE(j->test, n, 0);
	for (i = 0; i < n; i++)
		produced(j, j->keys + i * p->key_size,
			 p->flags & GOMAP_BYTES ? j->lens[i] : p->key_size,
			 j->vals + i * p->val_size);
	return n > 0;
}

static bool walk_step(struct journal *j)
{
	j->steps++;
	gmt_pass_step(j->m);
	return j->batch ? walk_scan(j) : walk_iter(j);
}

static void walk_end(struct journal *j)
{
	u32 id;

	if (j->batch)
		KUNIT_EXPECT_EQ(j->test, j->c.done, GOMAP_CURSOR_END);
	else
		gomap_iter_end(&j->it);
	KUNIT_EXPECT_FALSE(j->test, walk_step(j));
	for (id = 0; id < j->ids; id++)
		if (j->entry[id].stayed)
			KUNIT_ASSERT_EQ_MSG(j->test, j->entry[id].produced, 1,
					    "id %u of %u", id, j->ids);
	GMT_MUST_CHECK(j->test, j->m);
}

/* Begin anew with a map of @n entries. */
static void journal_reset(struct journal *j, u32 n)
{
	gomap_clear(j->m);
	memset(j->entry, 0, sizeof(j->entry));
	j->ids = 0;
	while (j->ids < n)
		put(j, j->ids++);
}

/*
 * One change, at every step of a walk.
 */

struct scene {
	u32 max_slots;
	u32 entries;
	u32 batch;
};

static const struct scene scenes[] = {
	{ 8, 1, 0 }, { 8, 8, 0 }, { 8, 9, 0 }, { 8, 60, 0 },
	{ 16, 14, 0 }, { 16, 60, 0 }, { 64, 100, 0 },
	{ GMT_REAL, 100, 0 }, { GMT_REAL, 950, 0 },
	{ 8, 60, 1 }, { 8, 60, 5 }, { 16, 60, 64 }, { 64, 100, 33 },
	{ GMT_REAL, 100, 7 }, { GMT_REAL, 950, 64 },
};

static void scene_desc(const struct scene *scene, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u, tables of %u, %s %u",
		 scene->entries, scene->max_slots,
		 scene->batch ? "scan by" : "iterate", scene->batch ?: 1);
}

KUNIT_ARRAY_PARAM(scene, scenes, scene_desc);

static void change_at_step(struct journal *j, const struct change *change,
			   u32 entries, u32 at)
{
	journal_reset(j, entries);
	walk_begin(j);
	for (;;) {
		if (j->steps == at)
			change->fn(j);
		if (!walk_step(j))
			break;
	}
	walk_end(j);
}

static void one_change_at_every_step(struct kunit *test)
{
	const struct scene *scene = test->param_value;
	struct journal *j = journal_new(test, &plain, scene->batch);
	u32 i, at, last = scene->entries / max(scene->batch, 1U) + 1;
	/* A map of the real size takes long to fill: some of the steps. */
	u32 step = 1 + last / gochan_scaled(60);

	j->m = gmt_map(test, &plain, scene->max_slots, 0);
	prandom_seed_state(&j->rnd, 1);
	for (i = 0; i < ARRAY_SIZE(changes); i++)
		for (at = 0; at <= last; at += step)
			change_at_step(j, &changes[i], scene->entries, at);
}

/*
 * Random changes.
 */

/* Most steps without one, or a walk would be over too soon. */
static void random_change(struct journal *j)
{
	u32 dice = gmt_below(&j->rnd, 8 * ARRAY_SIZE(changes));

	if (dice >= ARRAY_SIZE(changes) ||
	    (dice >= GENTLE_CHANGES && gmt_below(&j->rnd, 4)))
		put(j, gmt_below(&j->rnd, j->ids));
	else
		changes[dice].fn(j);
}

static void random_changes(struct kunit *test)
{
	const struct scene *scene = test->param_value;
	struct journal *j = journal_new(test, &plain, scene->batch);
	u32 round, rounds = gochan_scaled(100);
	u64 seed = gochan_seed();

	kunit_info(test, "%u walks, seed %llu\n", rounds, seed);
	prandom_seed_state(&j->rnd, seed);
	j->m = gmt_map(test, &plain, scene->max_slots, 0);
	for (round = 0; round < rounds; round++) {
		journal_reset(j, scene->entries);
		walk_begin(j);
		/* New entries may come faster than a walk goes. */
		while (walk_step(j))
			if (j->steps < 200)
				random_change(j);
		walk_end(j);
	}
}

/* Delete what is produced, as long as something is. */
static void delete_while_walking(struct kunit *test)
{
	const struct scene *scene = test->param_value;
	struct journal *j = journal_new(test, &plain, scene->batch);
	u32 id, left = scene->entries;

	j->m = gmt_map(test, &plain, scene->max_slots, 0);
	journal_reset(j, scene->entries);
	walk_begin(j);
	while (walk_step(j)) {
		for (id = 0; id < scene->entries; id++) {
			if (!j->entry[id].produced || !j->entry[id].version)
				continue;
			drop(j, id);
			left--;
		}
		KUNIT_ASSERT_EQ(test, gomap_len(j->m), (size_t)left);
	}
	KUNIT_EXPECT_EQ(test, left, 0U);
	walk_end(j);
}

/*
 * Kinds of keys and values.
 */

struct kind_param {
	const char *name;
	struct gomap_params p;
	u32 batch;
};

static const struct kind_param kinds[] = {
	{ "4 to 8", { .key_size = 4, .val_size = 8 }, 0 },
	{ "16 to 128", { .key_size = 16, .val_size = 128 }, 0 },
	{ "8 to 500", { .key_size = 8, .val_size = 500 }, 0 },
	{ "bytes to 8", { .key_size = 40, .val_size = 8,
	  .flags = GOMAP_BYTES }, 0 },
	{ "bytes to 500", { .key_size = 40, .val_size = 500,
	  .flags = GOMAP_BYTES | GOMAP_SIPHASH }, 0 },
	{ "weak hash", { .key_size = 8, .val_size = 8,
	  .hash = gmt_hash_weak, .equal = gmt_equal }, 0 },
	{ "8 to 500, scan", { .key_size = 8, .val_size = 500 }, 9 },
	{ "bytes to 8, scan", { .key_size = 40, .val_size = 8,
	  .flags = GOMAP_BYTES }, 9 },
	{ "weak hash, scan", { .key_size = 8, .val_size = 8,
	  .hash = gmt_hash_weak, .equal = gmt_equal }, 9 },
};

static void kind_desc(const struct kind_param *param, char *desc)
{
	strscpy(desc, param->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(kind, kinds, kind_desc);

static void changes_of_all_kinds(struct kunit *test)
{
	const struct kind_param *param = test->param_value;
	struct journal *j = journal_new(test, &param->p, param->batch);
	u32 i, at, step = 1 + 80 / gochan_scaled(80);

	prandom_seed_state(&j->rnd, 2);
	j->m = gmt_map(test, &param->p, 16, 0);
	for (i = 0; i < ARRAY_SIZE(changes); i++)
		for (at = 0; at < 40; at += param->batch ? step : 13)
			change_at_step(j, &changes[i], 40, at);
}

static struct kunit_case walk_cases[] = {
	KUNIT_CASE_PARAM(one_change_at_every_step, scene_gen_params),
	KUNIT_CASE_PARAM(random_changes, scene_gen_params),
	KUNIT_CASE_PARAM(delete_while_walking, scene_gen_params),
	KUNIT_CASE_PARAM(changes_of_all_kinds, kind_gen_params),
	{}
};

struct kunit_suite gomap_walk_suite = {
	.name = "gomap-walk",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = walk_cases,
};
