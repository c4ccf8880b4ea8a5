// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - what may happen between two steps of one operation
 *
 * An operation reads the directory, hashes its key, and only then looks at a
 * table, or locks it. The hash function of these maps lets others in at that
 * moment, once: tables split, merge, go away, and the seed changes, as another
 * CPU could do it just then. (No caller may do such things in a callback. Here
 * it is the first call of an operation, before any lock is taken.)
 */

#include <linux/sched.h>
#include <linux/slab.h>

#include "gomap_kunit.h"

/* Keys that are there before and afterwards, and keys of the others. */
#define STAY		5
#define OTHERS		1000
#define NR_OTHERS	300

/* A key that is not there before. */
#define NEW		999

/* What to do at the next call of the hash function by this task. */
static struct {
	struct task_struct *task;
	struct gomap *m;
	int (*fn)(struct gomap *m);
	int err;
} window;

static u64 hash_with_window(const void *key, u32 len, u64 seed)
{
	int (*fn)(struct gomap *m) = window.fn;

	if (fn && window.task == current) {
		window.fn = NULL;
		window.err = fn(window.m);
	}
	return gmt_hash_good(key, len, seed);
}

static int insert_range(struct gomap *m, u64 from, u64 n)
{
	int err = 0;
	u64 key;

	for (key = from; key < from + n && !err; key++)
		err = gomap_put(m, &key, &key, GOMAP_NEW, GFP_ATOMIC);
	return err;
}

static void delete_range(struct gomap *m, u64 from, u64 n)
{
	u64 key;

	for (key = from; key < from + n; key++)
		gomap_delete(m, &key);
}

static int window_grow(struct gomap *m)
{
	return insert_range(m, 2 * OTHERS, NR_OTHERS);
}

static int window_shrink(struct gomap *m)
{
	delete_range(m, OTHERS, NR_OTHERS);
	return gomap_shrink(m, GFP_ATOMIC);
}

static int window_shrink_and_grow(struct gomap *m)
{
	return window_shrink(m) ?: window_grow(m);
}

/* At one moment there is nothing: the seed changes, the tables go. */
static int window_empty(struct gomap *m)
{
	int err;

	delete_range(m, OTHERS, NR_OTHERS);
	delete_range(m, 0, STAY);
	err = gomap_shrink(m, GFP_ATOMIC);
	return err ?: insert_range(m, 0, STAY);
}

static int window_empty_and_grow(struct gomap *m)
{
	return window_empty(m) ?: window_grow(m);
}

struct event {
	const char *name;
	int (*fn)(struct gomap *m);
	bool empties;
};

static const struct event events[] = {
	{ "growth", window_grow, false },
	{ "shrinking", window_shrink, false },
	{ "shrinking and growth", window_shrink_and_grow, false },
	{ "empty map", window_empty, true },
	{ "empty map and growth", window_empty_and_grow, true },
};

static void event_desc(const struct event *event, char *desc)
{
	strscpy(desc, event->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(event, events, event_desc);

/*
 * Operations: 0 if the result is one that may be.
 */

static int try_get(struct gomap *m, bool may_miss)
{
	u64 key = 1, val = GCT_POISON_U64;

	if (!gomap_get(m, &key, &val))
		return may_miss && !val ? 0 : -ENOENT;
	return val == 1 ? 0 : -EIO;
}

static int try_contains(struct gomap *m, bool may_miss)
{
	u64 key = 1;

	return gomap_contains(m, &key) || may_miss ? 0 : -ENOENT;
}

static int try_get_many(struct gomap *m, bool may_miss)
{
	u64 i, keys[STAY], vals[STAY];

	for (i = 0; i < STAY; i++)
		keys[i] = i;
	if (gomap_get_many(m, keys, vals, NULL, STAY) != STAY)
		return may_miss ? 0 : -ENOENT;
	for (i = 0; i < STAY; i++)
		if (vals[i] != i)
			return -EIO;
	return 0;
}

static int try_scan(struct gomap *m, bool may_miss)
{
	u64 i, keys[8], vals[8], seen[STAY] = { };
	struct gomap_cursor c;
	int n;

	gomap_cursor_init(&c);
	while ((n = gomap_scan(m, &c, keys, NULL, vals, 8)) > 0)
		while (n--)
			if (keys[n] < STAY && vals[n] == keys[n])
				seen[keys[n]]++;
	for (i = 0; i < STAY; i++)
		if (seen[i] != 1 && !may_miss)
			return -EIO;
	return n;
}

static int try_put(struct gomap *m, bool may_miss)
{
	int err = gmt_put_nowait(m, NEW, NEW);

	return err ?: gmt_has(m, NEW, NEW) ? 0 : -EIO;
}

static int try_put_new(struct gomap *m, bool may_miss)
{
	return gmt_put(m, 1, 1, GOMAP_NEW) == -EEXIST ? 0 : -EIO;
}

static int try_overwrite(struct gomap *m, bool may_miss)
{
	int err = gmt_put(m, 1, 100, GOMAP_EXISTING);

	if (err || !gmt_has(m, 1, 100))
		return err ?: -EIO;
	return gmt_put(m, 1, 1, GOMAP_ANY);
}

static int try_take(struct gomap *m, bool may_miss)
{
	u64 key = 1, val;
	int err = gomap_take(m, &key, &val);

	if (err || val != 1 || !gmt_lacks(m, 1))
		return err ?: -EIO;
	return gmt_put(m, 1, 1, GOMAP_NEW);
}

static int try_cas(struct gomap *m, bool may_miss)
{
	u64 key = 1, old = 1, new = 100;
	int err = gomap_cas(m, &key, &old, &new, GFP_KERNEL);

	if (err || !gmt_has(m, 1, 100))
		return err ?: -EIO;
	return gmt_put(m, 1, 1, GOMAP_ANY);
}

static int try_add(struct gomap *m, bool may_miss)
{
	u64 key = 1, sum;
	int err = gomap_add(m, &key, 99, GOMAP_EXISTING, &sum, GFP_KERNEL);

	if (err || sum != 100 || !gmt_has(m, 1, 100))
		return err ?: -EIO;
	return gmt_put(m, 1, 1, GOMAP_ANY);
}

static int (* const tries[])(struct gomap *m, bool may_miss) = {
	try_get, try_contains, try_get_many, try_scan, try_put, try_put_new,
	try_overwrite, try_take, try_cas, try_add,
};

static void try_all(struct kunit *test, u32 max_slots, u64 others)
{
	static const struct gomap_params p = {
		.key_size = sizeof(u64),
		.val_size = sizeof(u64),
		.hash = hash_with_window,
	};
	const struct event *event = test->param_value;
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(tries); i++) {
		struct gomap *m = gmt_map(test, &p, max_slots, 0);

		gmt_fill(test, m, 0, STAY);
		gmt_fill(test, m, OTHERS, OTHERS + others);
		window.task = current;
		window.m = m;
		window.err = -EIO;
		window.fn = event->fn;
		err = tries[i](m, event->empties);
		KUNIT_EXPECT_EQ(test, window.err, 0);
		KUNIT_EXPECT_EQ_MSG(test, err, 0, "operation %u, %llu others",
				    i, others);
		KUNIT_EXPECT_EQ(test, gmt_missing(m, 0, STAY), 0ULL);
		GMT_CHECK(test, m);
		window.fn = NULL;
	}
}

static void window_of_one_table(struct kunit *test)
{
	try_all(test, GMT_REAL, 0);
	try_all(test, GMT_REAL, 9);
	try_all(test, GMT_REAL, NR_OTHERS);
}

static void window_of_many_tables(struct kunit *test)
{
	try_all(test, 16, 5);
	try_all(test, 16, NR_OTHERS);
	try_all(test, 8, NR_OTHERS);
}

static struct kunit_case window_cases[] = {
	KUNIT_CASE_PARAM(window_of_one_table, event_gen_params),
	KUNIT_CASE_PARAM(window_of_many_tables, event_gen_params),
	{}
};

struct kunit_suite gomap_window_suite = {
	.name = "gomap-window",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = window_cases,
};
