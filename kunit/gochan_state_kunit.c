// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - what each operation does in each state of a channel
 *
 * The table of Go's semantics: nil, open but not ready, open and ready, closed;
 * for every geometry of ring and element.
 */

#include <linux/err.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <uapi/linux/gochan.h>

#include "../kmod/core/internal.h"
#include "gochan_kunit.h"

/* Bytes behind an element that no operation may touch. */
#define GCT_CANARY	32

struct geometry {
	size_t cap;
	size_t size;
	const char *desc;
};

#define GEOMETRY(c, s) \
	{ .cap = (c), .size = (s), .desc = "cap " #c ", elements of " #s }

static const struct geometry geometries[] = {
	GEOMETRY(0, 0), GEOMETRY(0, 1), GEOMETRY(0, 8),
	GEOMETRY(0, 24), GEOMETRY(0, 4096),
	GEOMETRY(1, 0), GEOMETRY(1, 1), GEOMETRY(1, 8),
	GEOMETRY(1, 24), GEOMETRY(1, 4096),
	GEOMETRY(3, 0), GEOMETRY(3, 1), GEOMETRY(3, 8),
	GEOMETRY(3, 24), GEOMETRY(3, 4096),
	GEOMETRY(16, 0), GEOMETRY(16, 1), GEOMETRY(16, 8),
	GEOMETRY(16, 24), GEOMETRY(16, 4096),
};

static void geometry_desc(const struct geometry *geo, char *desc)
{
	strscpy(desc, geo->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(geometry, geometries, geometry_desc);

/* What the parameterised cases work on. */
struct state_fixture {
	const struct geometry *geo;
	struct gochan *ch;
	u8 *src;
	u8 *dst;
};

static struct state_fixture *state_setup(struct kunit *test)
{
	struct state_fixture *fix;

	fix = kunit_kzalloc(test, sizeof(*fix), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fix);
	fix->geo = test->param_value;
	fix->ch = gct_chan(test, fix->geo->size, fix->geo->cap);
	fix->src = kunit_kzalloc(test, fix->geo->size + GCT_CANARY, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fix->src);
	fix->dst = kunit_kzalloc(test, fix->geo->size + GCT_CANARY, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fix->dst);
	return fix;
}

static void state_poison(struct state_fixture *fix)
{
	memset(fix->dst, GCT_POISON, fix->geo->size + GCT_CANARY);
}

static bool state_untouched(struct state_fixture *fix)
{
	return gct_all(fix->dst, GCT_POISON, fix->geo->size + GCT_CANARY);
}

static bool state_canary_alive(struct state_fixture *fix)
{
	return gct_all(fix->dst + fix->geo->size, GCT_POISON, GCT_CANARY);
}

/* Send message @n, which must go without waiting. */
static void state_put(struct kunit *test, struct state_fixture *fix,
		      unsigned int n)
{
	gct_fill(fix->src, fix->geo->size, n);
	KUNIT_ASSERT_EQ(test, 0, gochan_try_send(fix->ch, fix->src));
}

static void state_fill(struct kunit *test, struct state_fixture *fix)
{
	unsigned int i;

	for (i = 0; i < fix->geo->cap; i++) {
		KUNIT_EXPECT_EQ(test, gochan_len(fix->ch), (size_t)i);
		state_put(test, fix, i);
	}
}

/* @err and @ok come from a receive into the poisoned buffer. */
static void state_expect_value(struct kunit *test, struct state_fixture *fix,
			       int err, bool ok, unsigned int n)
{
	KUNIT_EXPECT_EQ(test, 0, err);
	KUNIT_EXPECT_TRUE(test, ok);
	KUNIT_EXPECT_TRUE_MSG(test, gct_filled(fix->dst, fix->geo->size, n),
			      "message %u arrived damaged", n);
	KUNIT_EXPECT_TRUE(test, state_canary_alive(fix));
}

static void state_expect_end(struct kunit *test, struct state_fixture *fix,
			     int err, bool ok)
{
	KUNIT_EXPECT_EQ(test, 0, err);
	KUNIT_EXPECT_FALSE(test, ok);
	KUNIT_EXPECT_TRUE_MSG(test, gct_all(fix->dst, 0, fix->geo->size),
			      "destination not zeroed at the end");
	KUNIT_EXPECT_TRUE(test, state_canary_alive(fix));
}

static void nil_operations(struct kunit *test)
{
	u64 val = GCT_POISON_U64;
	bool ok;

	KUNIT_EXPECT_EQ(test, -EAGAIN, gochan_try_send(NULL, &val));
	KUNIT_EXPECT_EQ(test, -EAGAIN, gochan_try_recv(NULL, &val, &ok));
	KUNIT_EXPECT_EQ(test, -ETIMEDOUT,
			gochan_send_until(NULL, &val, GCT_PAST));
	KUNIT_EXPECT_EQ(test, -ETIMEDOUT,
			gochan_recv_until(NULL, &val, &ok, GCT_PAST));
	KUNIT_EXPECT_EQ(test, val, GCT_POISON_U64);
	KUNIT_EXPECT_EQ(test, gochan_len(NULL), (size_t)0);
	KUNIT_EXPECT_EQ(test, gochan_cap(NULL), (size_t)0);
	KUNIT_EXPECT_EQ(test, -EBADF, gochan_close(NULL));
	KUNIT_EXPECT_NULL(test, gochan_get(NULL));
	gochan_put(NULL);
}

static void open_empty_recv_would_block(struct kunit *test)
{
	struct state_fixture *fix = state_setup(test);
	bool ok;

	state_poison(fix);
	KUNIT_EXPECT_EQ(test, -EAGAIN, gochan_try_recv(fix->ch, fix->dst, &ok));
	KUNIT_EXPECT_EQ(test, -EAGAIN, gochan_try_recv(fix->ch, NULL, NULL));
	KUNIT_EXPECT_EQ(test, -ETIMEDOUT,
			gochan_recv_until(fix->ch, fix->dst, &ok, GCT_PAST));
	KUNIT_EXPECT_EQ(test, -ETIMEDOUT,
			gochan_recv_until(fix->ch, NULL, NULL, 0));
	KUNIT_EXPECT_TRUE(test, state_untouched(fix));
	KUNIT_EXPECT_EQ(test, gochan_cap(fix->ch), fix->geo->cap);
	GCT_EXPECT_STAT(test, fix->ch, 0, 0, 0, false);
}

static void open_full_send_would_block(struct kunit *test)
{
	struct state_fixture *fix = state_setup(test);
	unsigned int i;
	bool ok;

	state_fill(test, fix);
	gct_fill(fix->src, fix->geo->size, 99);
	KUNIT_EXPECT_EQ(test, -EAGAIN, gochan_try_send(fix->ch, fix->src));
	KUNIT_EXPECT_EQ(test, -ETIMEDOUT,
			gochan_send_until(fix->ch, fix->src, GCT_PAST));
	GCT_EXPECT_STAT(test, fix->ch, fix->geo->cap, 0, 0, false);

	/* What could not go must not have replaced anything. */
	for (i = 0; i < fix->geo->cap; i++) {
		state_poison(fix);
		ok = false;
		state_expect_value(test, fix,
				   gochan_try_recv(fix->ch, fix->dst, &ok),
				   true, i);
		KUNIT_EXPECT_TRUE(test, ok);
	}
	KUNIT_EXPECT_EQ(test, -EAGAIN, gochan_try_recv(fix->ch, NULL, NULL));
}

static void open_ready_in_every_slot(struct kunit *test)
{
	struct state_fixture *fix = state_setup(test);
	unsigned int i, laps = 2 * fix->geo->cap + 1;
	bool ok;

	if (!fix->geo->cap)
		kunit_skip(test, "nothing is ready without a peer");
	for (i = 0; i < laps; i++) {
		state_put(test, fix, i);
		KUNIT_EXPECT_EQ(test, gochan_len(fix->ch), (size_t)1);
		state_poison(fix);
		ok = false;
		state_expect_value(test, fix,
				   gochan_recv(fix->ch, fix->dst, &ok),
				   true, i);
		KUNIT_EXPECT_TRUE(test, ok);
		KUNIT_EXPECT_EQ(test, gochan_len(fix->ch), (size_t)0);
	}
}

static void open_ready_ignores_past_deadline(struct kunit *test)
{
	struct state_fixture *fix = state_setup(test);
	bool ok = false;
	int err;

	if (!fix->geo->cap)
		kunit_skip(test, "nothing is ready without a peer");
	gct_fill(fix->src, fix->geo->size, 7);
	KUNIT_EXPECT_EQ(test, 0,
			gochan_send_until(fix->ch, fix->src, GCT_PAST));
	state_poison(fix);
	err = gochan_recv_until(fix->ch, fix->dst, &ok, GCT_PAST);
	state_expect_value(test, fix, err, ok, 7);
}

static void try_send_to_parked_receiver(struct kunit *test)
{
	struct state_fixture *fix = state_setup(test);
	struct gct_op *op;

	state_poison(fix);
	op = gct_park_op(test, fix->ch, false, fix->dst, 0, &gct_killable);
	KUNIT_EXPECT_TRUE(test, state_untouched(fix));
	state_put(test, fix, 3);
	/* Handed over within the call, whatever the receiver does now. */
	GCT_EXPECT_STAT(test, fix->ch, 0, 0, 0, false);
	state_expect_value(test, fix, gct_finish(test, op), op->ok, 3);
}

static void try_recv_from_parked_sender(struct kunit *test)
{
	struct state_fixture *fix = state_setup(test);
	unsigned int i, cap = fix->geo->cap;
	struct gct_op *op;
	u8 *msg;
	int err;
	bool ok;

	msg = kunit_kzalloc(test, fix->geo->size + 1, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, msg);
	gct_fill(msg, fix->geo->size, cap);
	state_fill(test, fix);
	op = gct_park_op(test, fix->ch, true, msg, 0, &gct_killable);
	GCT_EXPECT_STAT(test, fix->ch, cap, 1, 0, false);
	for (i = 0; i <= cap; i++) {
		state_poison(fix);
		ok = false;
		err = gochan_try_recv(fix->ch, fix->dst, &ok);
		state_expect_value(test, fix, err, ok, i);
		/* The sender's value took the slot that the first one left. */
		GCT_EXPECT_STAT(test, fix->ch, cap - i, 0, 0, false);
	}
	KUNIT_EXPECT_EQ(test, 0, gct_finish(test, op));
	KUNIT_EXPECT_EQ(test, -EAGAIN, gochan_try_recv(fix->ch, NULL, NULL));
}

static void null_destination_discards(struct kunit *test)
{
	struct state_fixture *fix = state_setup(test);
	unsigned int i, cap = fix->geo->cap;
	struct gct_op *op;
	bool ok;

	state_fill(test, fix);
	op = gct_park_op(test, fix->ch, true, fix->src, 0, &gct_killable);
	for (i = 0; i <= cap; i++) {
		ok = false;
		if (i % 2)
			KUNIT_EXPECT_EQ(test, 0,
					gochan_recv(fix->ch, NULL, &ok));
		else
			KUNIT_EXPECT_EQ(test, 0,
					gochan_try_recv(fix->ch, NULL, &ok));
		KUNIT_EXPECT_TRUE(test, ok);
		GCT_EXPECT_STAT(test, fix->ch, cap - i, 0, 0, false);
	}
	KUNIT_EXPECT_EQ(test, 0, gct_finish(test, op));
	KUNIT_EXPECT_EQ(test, -EAGAIN, gochan_try_recv(fix->ch, NULL, NULL));
}

/*
 * Assertions where an operation that does not see the close would wait for
 * ever in the one that follows.
 */
static void closed_empty_operations(struct kunit *test)
{
	struct state_fixture *fix = state_setup(test);
	struct gochan *ch = fix->ch;
	int err;
	bool ok;

	KUNIT_ASSERT_EQ(test, 0, gochan_close(ch));
	GCT_EXPECT_STAT(test, ch, 0, 0, 0, true);
	KUNIT_EXPECT_EQ(test, -EPIPE, gochan_try_send(ch, fix->src));
	KUNIT_ASSERT_EQ(test, -EPIPE,
			gochan_send_until(ch, fix->src, GCT_PAST));
	KUNIT_EXPECT_EQ(test, -EPIPE, gochan_send(ch, fix->src));
	KUNIT_EXPECT_EQ(test, -EPIPE, gochan_send_killable(ch, fix->src));
	state_poison(fix);
	ok = true;
	err = gochan_try_recv(ch, fix->dst, &ok);
	state_expect_end(test, fix, err, ok);
	state_poison(fix);
	ok = true;
	err = gochan_recv_until(ch, fix->dst, &ok, GCT_PAST);
	KUNIT_ASSERT_EQ(test, 0, err);
	state_expect_end(test, fix, err, ok);
	state_poison(fix);
	ok = true;
	err = gochan_recv(ch, fix->dst, &ok);
	state_expect_end(test, fix, err, ok);
	ok = true;
	KUNIT_EXPECT_EQ(test, 0, gochan_recv_killable(ch, NULL, &ok));
	KUNIT_EXPECT_FALSE(test, ok);
	KUNIT_EXPECT_EQ(test, 0, gochan_try_recv(ch, NULL, NULL));
	KUNIT_EXPECT_EQ(test, -ESHUTDOWN, gochan_close(ch));
	KUNIT_EXPECT_EQ(test, gochan_cap(ch), fix->geo->cap);
	GCT_EXPECT_STAT(test, ch, 0, 0, 0, true);
}

static void closed_with_values_drains(struct kunit *test)
{
	struct state_fixture *fix = state_setup(test);
	unsigned int i, cap = fix->geo->cap;
	int err;
	bool ok;

	state_fill(test, fix);
	KUNIT_EXPECT_EQ(test, 0, gochan_close(fix->ch));
	/* The error of close beats "full", and also "there is room". */
	KUNIT_EXPECT_EQ(test, -EPIPE, gochan_try_send(fix->ch, fix->src));
	for (i = 0; i < cap; i++) {
		KUNIT_EXPECT_EQ(test, gochan_len(fix->ch), (size_t)cap - i);
		state_poison(fix);
		ok = false;
		if (i % 2)
			err = gochan_try_recv(fix->ch, fix->dst, &ok);
		else
			err = gochan_recv_until(fix->ch, fix->dst, &ok,
						GCT_PAST);
		state_expect_value(test, fix, err, ok, i);
		KUNIT_EXPECT_EQ(test, -EPIPE,
				gochan_try_send(fix->ch, fix->src));
		KUNIT_EXPECT_EQ(test, -ESHUTDOWN, gochan_close(fix->ch));
	}
	for (i = 0; i < 2; i++) {
		state_poison(fix);
		ok = true;
		err = gochan_try_recv(fix->ch, fix->dst, &ok);
		state_expect_end(test, fix, err, ok);
	}
	GCT_EXPECT_STAT(test, fix->ch, 0, 0, 0, true);
}

static void stat_reports_geometry(struct kunit *test)
{
	struct state_fixture *fix = state_setup(test);
	struct gochan_stat st;

	memset(&st, GCT_POISON, sizeof(st));
	gochan_stat(fix->ch, &st);
	KUNIT_EXPECT_EQ(test, (size_t)st.elem_size, fix->geo->size);
	KUNIT_EXPECT_EQ(test, (size_t)st.cap, fix->geo->cap);
	KUNIT_EXPECT_EQ(test, gochan_cap(fix->ch), fix->geo->cap);
	KUNIT_EXPECT_FALSE(test, st.varlen);
	GCT_EXPECT_STAT(test, fix->ch, 0, 0, 0, false);
}

struct refusal {
	size_t size;
	size_t cap;
	const char *desc;
};

static const struct refusal refusals[] = {
	{ GOCHAN_MAX_ELEM_SIZE + 1, 0, "element too large, rendezvous" },
	{ GOCHAN_MAX_ELEM_SIZE + 1, 1, "element too large" },
	{ SIZE_MAX, 1, "element of the largest size_t" },
	{ 8, GOCHAN_MAX_RING_SIZE / 8 + 1, "ring just above the limit" },
	{ GOCHAN_MAX_ELEM_SIZE, INT_MAX, "ring far above the limit" },
	{ 16, SIZE_MAX / 16 + 2, "ring size overflows to something small" },
	{ 1, SIZE_MAX, "capacity of the largest size_t" },
	{ 0, (size_t)INT_MAX + 1, "capacity above INT_MAX, no ring" },
	{ 0, SIZE_MAX, "capacity of the largest size_t, no ring" },
};

static void refusal_desc(const struct refusal *refusal, char *desc)
{
	strscpy(desc, refusal->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(refusal, refusals, refusal_desc);

static void alloc_refuses(struct kunit *test)
{
	const struct refusal *refusal = test->param_value;
	struct gochan *ch;

	ch = gochan_alloc(refusal->size, refusal->cap, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, ch, (struct gochan *)ERR_PTR(-EINVAL));
	if (!IS_ERR(ch))
		gochan_put(ch);
	/* The length of each message needs room too, also if it is always 0. */
	ch = gochan_alloc_varlen(refusal->size, refusal->cap, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, ch, (struct gochan *)ERR_PTR(-EINVAL));
	if (!IS_ERR(ch))
		gochan_put(ch);
}

static void alloc_largest_element(struct kunit *test)
{
	size_t size = GOCHAN_MAX_ELEM_SIZE;
	struct gochan *ch = gct_chan(test, size, 2);
	u8 *buf;

	buf = kvmalloc(size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	gct_fill(buf, size, 1);
	KUNIT_EXPECT_EQ(test, 0, gochan_try_send(ch, buf));
	gct_fill(buf, size, 2);
	KUNIT_EXPECT_EQ(test, 0, gochan_try_send(ch, buf));
	KUNIT_EXPECT_EQ(test, 0, gochan_try_recv(ch, buf, NULL));
	KUNIT_EXPECT_TRUE(test, gct_filled(buf, size, 1));
	KUNIT_EXPECT_EQ(test, 0, gochan_try_recv(ch, buf, NULL));
	KUNIT_EXPECT_TRUE(test, gct_filled(buf, size, 2));
	kvfree(buf);
}

static void alloc_ring_of_megabytes(struct kunit *test)
{
	const size_t size = 4096, cap = SZ_8M / size;
	struct gochan *ch = gct_chan(test, size, cap);
	unsigned int i, damaged = 0;
	u8 *buf;

	buf = kunit_kzalloc(test, size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (i = 0; i < cap; i++) {
		gct_fill(buf, size, i);
		KUNIT_ASSERT_EQ(test, 0, gochan_try_send(ch, buf));
	}
	KUNIT_EXPECT_EQ(test, -EAGAIN, gochan_try_send(ch, buf));
	KUNIT_EXPECT_EQ(test, gochan_len(ch), cap);
	for (i = 0; i < cap; i++) {
		memset(buf, GCT_POISON, size);
		if (gochan_try_recv(ch, buf, NULL) || !gct_filled(buf, size, i))
			damaged++;
	}
	KUNIT_EXPECT_EQ(test, damaged, 0U);
}

static void alloc_zero_size_needs_no_ring(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, 0, INT_MAX);
	bool ok = false;
	int i;

	KUNIT_EXPECT_EQ(test, gochan_cap(ch), (size_t)INT_MAX);
	for (i = 0; i < 1000; i++)
		KUNIT_ASSERT_EQ(test, 0, gochan_try_send(ch, NULL));
	KUNIT_EXPECT_EQ(test, gochan_len(ch), (size_t)1000);
	KUNIT_EXPECT_EQ(test, 0, gochan_close(ch));
	for (i = 0; i < 1000; i++) {
		ok = false;
		KUNIT_ASSERT_EQ(test, 0, gochan_try_recv(ch, NULL, &ok));
		KUNIT_ASSERT_TRUE(test, ok);
	}
	KUNIT_EXPECT_EQ(test, 0, gochan_try_recv(ch, NULL, &ok));
	KUNIT_EXPECT_FALSE(test, ok);
}

/* Fill the ring, empty it, every other element into nowhere: all is zero. */
static void received_slots_are_zeroed(struct kunit *test)
{
	struct state_fixture *fix = state_setup(test);
	size_t i, ring = fix->geo->cap * fix->geo->size;

	memset(fix->src, GCT_POISON, fix->geo->size);
	for (i = 0; i < fix->geo->cap; i++)
		KUNIT_ASSERT_EQ(test, 0, gochan_try_send(fix->ch, fix->src));
	KUNIT_EXPECT_TRUE(test, gct_all(fix->ch->ring, GCT_POISON, ring));
	for (i = 0; i < fix->geo->cap; i++)
		KUNIT_ASSERT_EQ(test, 0,
				gochan_try_recv(fix->ch, i & 1 ? fix->dst : NULL,
						NULL));
	KUNIT_EXPECT_TRUE(test, gct_all(fix->ch->ring, 0, ring));
}

static void received_slots_are_zeroed_varlen(struct kunit *test)
{
	struct gochan *ch = gct_chan_varlen(test, 13, 3);
	u8 buf[13];
	size_t len;
	u32 i;

	memset(buf, GCT_POISON, sizeof(buf));
	for (i = 0; i < 3; i++)
		KUNIT_ASSERT_EQ(test, 0,
				gochan_send_msg(ch, buf, 13 - i, NULL));
	for (i = 0; i < 3; i++) {
		len = sizeof(buf);
		KUNIT_ASSERT_EQ(test, 0,
				gochan_recv_msg(ch, buf, &len, NULL, NULL));
		KUNIT_EXPECT_EQ(test, len, (size_t)13 - i);
	}
	/* The lengths before the messages included. */
	KUNIT_EXPECT_TRUE(test, gct_all(ch->ring, 0, 3 * ch->slot_size));
}

static void references_are_counted(struct kunit *test)
{
	struct gochan *ch = gochan_alloc(sizeof(u64), 4, GFP_KERNEL);
	u64 val = 17;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ch);
	KUNIT_EXPECT_PTR_EQ(test, gochan_get(ch), ch);
	KUNIT_EXPECT_EQ(test, 0, gochan_try_send(ch, &val));
	gochan_put(ch);
	/* The other reference still stands, and close is not a put. */
	KUNIT_EXPECT_EQ(test, 0, gochan_close(ch));
	val = 0;
	KUNIT_EXPECT_EQ(test, 0, gochan_try_recv(ch, &val, NULL));
	KUNIT_EXPECT_EQ(test, val, 17ULL);
	KUNIT_EXPECT_EQ(test, 0, gochan_try_recv(ch, &val, NULL));
	gochan_put(ch);
}

/* What is lost here, kmemleak finds. */
static void put_frees_in_every_state(struct kunit *test)
{
	u64 val = 1;
	int i;

	for (i = 0; i < 16; i++) {
		/* Small, in kmalloc memory; large, in vmalloc memory. */
		size_t cap = i & 1 ? 4 : SZ_1M;
		struct gochan *ch = gochan_alloc(sizeof(u64), cap, GFP_KERNEL);

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ch);
		if (i & 2)
			KUNIT_EXPECT_EQ(test, 0, gochan_try_send(ch, &val));
		if (i & 4)
			KUNIT_EXPECT_EQ(test, 0, gochan_close(ch));
		if (i & 8)
			KUNIT_EXPECT_EQ(test, i & 6 ? 0 : -EAGAIN,
					gochan_try_recv(ch, &val, NULL));
		gochan_put(ch);
	}
}

static struct kunit_case state_cases[] = {
	KUNIT_CASE(nil_operations),
	KUNIT_CASE_PARAM(open_empty_recv_would_block, geometry_gen_params),
	KUNIT_CASE_PARAM(open_full_send_would_block, geometry_gen_params),
	KUNIT_CASE_PARAM(open_ready_in_every_slot, geometry_gen_params),
	KUNIT_CASE_PARAM(open_ready_ignores_past_deadline, geometry_gen_params),
	KUNIT_CASE_PARAM(try_send_to_parked_receiver, geometry_gen_params),
	KUNIT_CASE_PARAM(try_recv_from_parked_sender, geometry_gen_params),
	KUNIT_CASE_PARAM(null_destination_discards, geometry_gen_params),
	KUNIT_CASE_PARAM(closed_empty_operations, geometry_gen_params),
	KUNIT_CASE_PARAM(closed_with_values_drains, geometry_gen_params),
	KUNIT_CASE_PARAM(stat_reports_geometry, geometry_gen_params),
	KUNIT_CASE_PARAM(received_slots_are_zeroed, geometry_gen_params),
	KUNIT_CASE(received_slots_are_zeroed_varlen),
	KUNIT_CASE_PARAM(alloc_refuses, refusal_gen_params),
	KUNIT_CASE(alloc_largest_element),
	KUNIT_CASE(alloc_ring_of_megabytes),
	KUNIT_CASE(alloc_zero_size_needs_no_ring),
	KUNIT_CASE(references_are_counted),
	KUNIT_CASE(put_frees_in_every_state),
	{}
};

struct kunit_suite gochan_state_suite = {
	.name = "gochan-state",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = state_cases,
};
