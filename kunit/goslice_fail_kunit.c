// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - slices without memory
 *
 * Each allocation of an operation fails in turn, until the operation succeeds
 * without one failing. After a failure all slices must be as they were, and a
 * second attempt must succeed. Needs a kernel that can make allocations fail
 * (CONFIG_FAILSLAB).
 */

#include <linux/slab.h>

#include "gomap_kunit.h"
#include "goslice_kunit.h"

/* More allocations than any operation makes, those for debugging included. */
#define MANY_STEPS	30

/**
 * struct scene - an operation in the circumstances it finds
 * @name: what is tested
 * @shared: another slice views the array
 * @failures: allocations that can fail
 * @op: the operation on @s, which is full; its output is @out, if it has one
 */
struct scene {
	const char *name;
	bool shared;
	unsigned int failures;
	int (*op)(struct gst_u64_slice *s, struct gst_u64_slice *out);
};

static int op_make(struct gst_u64_slice *s, struct gst_u64_slice *out)
{
	return goslice_make(out, 3, 9, GST_NOWAIT);
}

static int op_append(struct gst_u64_slice *s, struct gst_u64_slice *out)
{
	return goslice_append(s, 7, GST_NOWAIT);
}

static int op_append_nil(struct gst_u64_slice *s, struct gst_u64_slice *out)
{
	return goslice_append(out, 7, GST_NOWAIT);
}

static int op_append_self(struct gst_u64_slice *s, struct gst_u64_slice *out)
{
	return goslice_append_slice(s, s, GST_NOWAIT);
}

static int op_insert(struct gst_u64_slice *s, struct gst_u64_slice *out)
{
	return goslice_insert_many(s, 2, s->array + 1, 3, GST_NOWAIT);
}

static int op_replace(struct gst_u64_slice *s, struct gst_u64_slice *out)
{
	return goslice_replace(s, 2, 3, s->array + 1, 3, GST_NOWAIT);
}

static int op_grow(struct gst_u64_slice *s, struct gst_u64_slice *out)
{
	return goslice_grow(s, 100, GST_NOWAIT);
}

static int op_clone(struct gst_u64_slice *s, struct gst_u64_slice *out)
{
	return goslice_clone(out, s, GST_NOWAIT);
}

static int op_concat(struct gst_u64_slice *s, struct gst_u64_slice *out)
{
	struct gst_u64_slice *srcs[] = { s, s };

	return goslice_concat(out, srcs, 2, GST_NOWAIT);
}

static const struct scene scenes[] = {
	{ "make", false, 2, op_make },
	{ "append to nil", false, 2, op_append_nil },
	{ "append by the owner", false, 1, op_append },
	{ "append to a shared array", true, 2, op_append },
	{ "append to itself", false, 1, op_append_self },
	{ "append to itself, shared", true, 2, op_append_self },
	{ "insert by the owner", false, 1, op_insert },
	{ "insert into a shared array", true, 2, op_insert },
	{ "replace by the owner", false, 1, op_replace },
	{ "replace in a shared array", true, 2, op_replace },
	{ "grow by the owner", false, 1, op_grow },
	{ "grow a shared array", true, 2, op_grow },
	{ "clone", false, 2, op_clone },
	{ "concat", false, 2, op_concat },
};

static void scene_desc(const struct scene *scene, char *desc)
{
	strscpy(desc, scene->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(scene, scenes, scene_desc);

/*
 * One run, with the @nth allocation failing; true if none did. Debugging
 * allocates as well: that may fail without the operation noticing.
 */
static bool fail_at(struct kunit *test, const struct scene *scene,
		    unsigned int nth, unsigned int *failures)
{
	struct gst_u64_slice s = gst_numbers(test, 8, 8), other = GOSLICE_NIL;
	struct gst_u64_slice out = GOSLICE_NIL, none = out, before = s;
	bool failed;
	int err;

	if (scene->shared)
		goslice_share(&other, &s);
	gmt_fail_begin(nth);
	err = scene->op(&s, &out);
	failed = gmt_fail_end();
	if (err) {
		++*failures;
		KUNIT_EXPECT_EQ(test, err, -ENOMEM);
		KUNIT_EXPECT_TRUE(test, failed);
		GST_EXPECT_SAME(test, &s, &before);
		GST_EXPECT_SAME(test, &out, &none);
		GST_EXPECT(test, &s, 0, 1, 2, 3, 4, 5, 6, 7);
		/* With memory all is well. */
		KUNIT_EXPECT_EQ(test, 0, scene->op(&s, &out));
	}
	if (scene->shared)
		GST_EXPECT(test, &other, 0, 1, 2, 3, 4, 5, 6, 7);
	goslice_put(&out);
	goslice_put(&other);
	goslice_put(&s);
	return !failed;
}

/* How many of a scene's allocations make it fail. */
static unsigned int count_failures(struct kunit *test,
				   const struct scene *scene)
{
	unsigned int nth, failures = 0;

	for (nth = 1; nth < MANY_STEPS; nth++)
		if (fail_at(test, scene, nth, &failures))
			break;
	KUNIT_EXPECT_LT(test, nth, (unsigned int)MANY_STEPS);
	return failures;
}

/*
 * A debug kernel allocates in some runs more than in others, which moves the
 * n-th allocation: see gomap_fail_kunit.c. The right count comes in some round;
 * with several processors it may not, but there are failures in all of them.
 */
static void each_allocation_fails_once(struct kunit *test)
{
	const struct scene *scene = test->param_value;
	unsigned int round, failures = 0, all = 0;

	for (round = 0; round < 8 && failures != scene->failures; round++) {
		failures = count_failures(test, scene);
		all += failures;
	}
	if (IS_ENABLED(CONFIG_SMP) && failures != scene->failures)
		KUNIT_EXPECT_GE(test, all, scene->failures);
	else
		KUNIT_EXPECT_EQ(test, failures, scene->failures);
}

static int fail_init(struct kunit *test)
{
	if (!gmt_can_fail())
		kunit_skip(test, "allocations never fail (CONFIG_FAILSLAB)");
	return 0;
}

static struct kunit_case goslice_fail_cases[] = {
	KUNIT_CASE_PARAM(each_allocation_fails_once, scene_gen_params),
	{ }
};

struct kunit_suite goslice_fail_suite = {
	.name = "goslice_fail",
	.init = fail_init,
	.test_cases = goslice_fail_cases,
};
