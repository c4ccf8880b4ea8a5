// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - the examples of headers, core-api pages and README
 *
 * Each example is included as scripts/extract-examples.py takes it from the
 * documentation; here is what it leaves out. The results that it states in
 * comments have become EXAMPLE_EXPECT() and EXAMPLE_PRINTS(), which report the
 * place in the documentation.
 */

#include <linux/completion.h>
#include <linux/err.h>
#include <linux/gomap.h>
#include <linux/goselect.h>
#include <linux/goslice.h>
#include <linux/gotimer.h>
#include <linux/irqflags.h>
#include <linux/kthread.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "gochan_kunit.h"

/* The running test, for examples that are functions of their own. */
static struct kunit *example_test;

/* What the example has printed; none prints more. */
static char example_printed[128];
static size_t example_len;

static __printf(1, 2) void example_print(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	example_len += vscnprintf(example_printed + example_len,
				  sizeof(example_printed) - example_len,
				  fmt, args);
	va_end(args);
}

/* The words of what was printed, with one blank between them. */
static const char *example_words(void)
{
	char *from = example_printed, *to = example_printed, *word;

	/* What was compared before is still there. */
	example_printed[example_len] = '\0';
	while ((word = strsep(&from, " \t\n"))) {
		if (!*word)
			continue;
		if (to > example_printed)
			*to++ = ' ';
		memmove(to, word, strlen(word));
		to += strlen(word);
	}
	*to = '\0';
	example_len = 0;
	return example_printed;
}

#undef pr_info
#define pr_info			example_print

#define EXAMPLE_EXPECT(condition) \
	KUNIT_EXPECT_TRUE(example_test, condition)
#define EXAMPLE_PRINTS(want) \
	KUNIT_EXPECT_STREQ(example_test, want, example_words())

static int example_init(struct kunit *test)
{
	example_test = test;
	example_len = 0;
	return gct_init(test);
}

static ktime_t example_limit(void)
{
	return gct_in_us(jiffies_to_usecs(gct_timeout()));
}

static void example_put(struct kunit *test, struct gochan *ch, u64 val)
{
	KUNIT_ASSERT_EQ(test, 0, gochan_try_send(ch, &val));
}

/* include/linux/gochan.h */

static int channel(void)
{
	int err __maybe_unused;

#include "gochan_h.inc"
	return 0;
}

static void gochan_header(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 0, channel());
}

/* include/linux/goselect.h */

static int start(u64 job)
{
	return job;
}

static int next(u64 *result)
{
	return ++*result;
}

static int do_select(struct gochan *jobs, struct gochan *results,
		     struct gochan *quit)
{
	u64 job, result = 1;

#include "goselect_h.inc"
}

static void goselect_header(struct kunit *test)
{
	struct gochan *jobs = gct_chan(test, sizeof(u64), 1);
	struct gochan *results = gct_chan(test, sizeof(u64), 1);
	struct gochan *quit = gct_chan(test, 0, 0);

	KUNIT_EXPECT_EQ(test, 2, do_select(jobs, results, quit));
	/* Now that one is full. */
	example_put(test, jobs, 7);
	KUNIT_EXPECT_EQ(test, 7, do_select(jobs, results, quit));
	gochan_close(quit);
	KUNIT_EXPECT_EQ(test, -ECANCELED, do_select(jobs, results, quit));
	gochan_close(results);
	KUNIT_EXPECT_EQ(test, -EINTR, do_select(NULL, results, NULL));
}

/* include/linux/gotimer.h */

static int timeout_of(struct gochan *answers)
{
	u64 answer;

#include "gotimer_h.inc"
	return 0;
}

static void gotimer_header(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 0, timeout_of(gct_chan(test, sizeof(u64), 0)));
}

/* include/linux/gomap.h */

static void gomap_header(struct kunit *test)
{
	int err __maybe_unused;

#include "gomap_h.inc"
}

/* include/linux/goslice.h */

static void goslice_header(struct kunit *test)
{
	int err __maybe_unused;

#include "goslice_h.inc"
}

/* Documentation/core-api/gochan.rst */

#include "chan-buttons.inc"

static u32 buttons_sum;
static DECLARE_COMPLETION(buttons_pressed);

static void button_pressed(const struct button_event *event)
{
	buttons_sum += event->code;
	complete(&buttons_pressed);
}

static void chan_buttons(struct kunit *test)
{
	struct buttons b = { .pressed = button_pressed };
	unsigned long flags, left = gct_timeout();

	buttons_sum = 0;
	reinit_completion(&buttons_pressed);
	KUNIT_ASSERT_EQ(test, 0, buttons_start(&b));
	/* From now on the worker runs, and cannot be stopped before. */
	KUNIT_EXPECT_TRUE(test, gct_await_waiters(b.events, 0, 1));
	local_irq_save(flags);
	buttons_post(&b, 40);
	buttons_post(&b, 2);
	local_irq_restore(flags);
	left = wait_for_completion_timeout(&buttons_pressed, left);
	left = wait_for_completion_timeout(&buttons_pressed, left);
	buttons_stop(&b);
	KUNIT_EXPECT_NE(test, 0UL, left);
	KUNIT_EXPECT_EQ(test, 42U, buttons_sum);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&b.lost));
}

static void chan_buttons_lost(struct kunit *test)
{
	struct buttons b = {
		.events = gct_chan(test, sizeof(struct button_event), 1),
	};

	buttons_post(&b, 1);
	buttons_post(&b, 2);
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&b.lost));
}

static void chan_states(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, sizeof(u64), 2);
	u64 v, one = 1, two = 2;
	ktime_t soon;
	bool ok;
	int err;

#include "chan-states.inc"
}

static void chan_batch(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, sizeof(u64), 4);
	int n;

#include "chan-batch.inc"
}

/* Documentation/core-api/goselect.rst */

#include "select-server.inc"

struct server {
	struct gochan *stop;
	struct gochan *requests;
	struct gochan *replies;
};

static DECLARE_COMPLETION(server_alive);

static void server_lives(void)
{
	complete(&server_alive);
}

static int run_server(struct gct_thread *thread)
{
	struct server *s = thread->arg;

	return serve(s->stop, s->requests, s->replies, server_lives);
}

static bool server_pulse(void)
{
	reinit_completion(&server_alive);
	return wait_for_completion_timeout(&server_alive, gct_timeout());
}

static void select_server(struct kunit *test)
{
	struct server s = {
		.stop = gct_chan(test, 0, 0),
		.requests = gct_chan(test, sizeof(u64), 0),
		.replies = gct_chan(test, sizeof(u64), 0),
	};
	struct server *arg = kunit_kzalloc(test, sizeof(s), GFP_KERNEL);
	struct gct_thread *thread;
	u64 request, reply;

	KUNIT_ASSERT_NOT_NULL(test, arg);
	*arg = s;
	thread = gct_start(test, run_server, arg);
	for (request = 6; request < 8; request++) {
		KUNIT_ASSERT_EQ(test, 0, gochan_send_until(s.requests, &request,
							   example_limit()));
		KUNIT_EXPECT_TRUE(test, server_pulse());
		KUNIT_ASSERT_EQ(test, 0, gochan_recv_until(s.replies, &reply,
							   NULL,
							   example_limit()));
		KUNIT_EXPECT_EQ(test, request * request, reply);
	}
	gochan_close(s.requests);
	KUNIT_EXPECT_TRUE(test, server_pulse());
	gochan_close(s.stop);
	KUNIT_EXPECT_EQ(test, 0, gct_join(test, thread));
}

static void select_choice(struct kunit *test)
{
	struct gochan *urgent = gct_chan(test, sizeof(u64), 1);
	struct gochan *normal = gct_chan(test, sizeof(u64), 1);
	struct gochan *full = gct_chan(test, sizeof(u64), 1);
	u64 u = 0, n = 0;
	int chosen;

	example_put(test, urgent, 1);
	example_put(test, normal, 2);
	example_put(test, full, 3);
	{
#include "select-choice.inc"
	}
}

/* Documentation/core-api/gotimer.rst */

#include "timer-settle.inc"

static void timer_settle(struct kunit *test)
{
	struct gochan *changes = gct_chan(test, sizeof(u64), 4);
	u64 i;

	KUNIT_EXPECT_EQ(test, 0, settle(changes, ms_to_ktime(1)));
	for (i = 0; i < 3; i++)
		example_put(test, changes, i);
	KUNIT_EXPECT_EQ(test, 3, settle(changes, ms_to_ktime(1)));
	gochan_close(changes);
	KUNIT_EXPECT_EQ(test, 0, settle(changes, ms_to_ktime(60000)));
}

static void timer_ticker(struct kunit *test)
{
	struct gotimer *timer = gotimer_alloc(GFP_KERNEL);
	ktime_t first, second, between;
	struct gochan *ticks;
	int err;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, timer);
	ticks = gotimer_chan(timer);
#include "timer-ticker.inc"
	gotimer_free(timer);
}

/* Documentation/core-api/gomap.rst */

#include "map-sessions.inc"

static void map_sessions(struct kunit *test)
{
	static struct sessions_map m;

	KUNIT_ASSERT_EQ(test, 0, sessions_init(&m, 0, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, session_begin(&m, 1, 10));
	KUNIT_EXPECT_EQ(test, -EEXIST, session_begin(&m, 1, 11));
	KUNIT_EXPECT_TRUE(test, session_is_of(&m, 1, 10));
	KUNIT_EXPECT_FALSE(test, session_is_of(&m, 1, 11));
	KUNIT_EXPECT_FALSE(test, session_is_of(&m, 2, 10));
	KUNIT_EXPECT_EQ(test, 0, session_end(&m, 1));
	KUNIT_EXPECT_EQ(test, -ENOENT, session_end(&m, 1));
	KUNIT_EXPECT_FALSE(test, session_is_of(&m, 1, 10));
	KUNIT_EXPECT_EQ(test, 0, session_begin(&m, 2, 10));
	KUNIT_EXPECT_EQ(test, 0, session_begin(&m, 3, 10));
	/* kmemleak sees what this leaves behind. */
	sessions_end_all(&m);
}

static const struct gomap_params example_map = {
	.key_size = sizeof(u64),
	.val_size = sizeof(u64),
};

static void map_counters(struct kunit *test)
{
	static struct gomap m;
	u64 key = 1, next = 9, val, sum;
	gfp_t gfp = GFP_KERNEL;
	int err;

	KUNIT_ASSERT_EQ(test, 0, gomap_init(&m, &example_map, 0, GFP_KERNEL));
#include "map-counters.inc"
	gomap_destroy(&m);
}

static void map_reserve(struct kunit *test)
{
	static DEFINE_SPINLOCK(lock);
	static struct gomap m;
	u64 key, val = 0;
	int err;

	KUNIT_ASSERT_EQ(test, 0, gomap_init(&m, &example_map, 0, GFP_KERNEL));
#include "map-reserve.inc"
	gomap_destroy(&m);
}

static void map_scan(struct kunit *test)
{
	static struct gomap m;
	u64 i;

	KUNIT_ASSERT_EQ(test, 0, gomap_init(&m, &example_map, 0, GFP_KERNEL));
	for (i = 0; i < 100; i++)
		KUNIT_EXPECT_EQ(test, 0, gomap_put(&m, &i, &i, GOMAP_NEW,
						   GFP_KERNEL));
	{
#include "map-scan.inc"
		KUNIT_EXPECT_EQ(test, (size_t)100, seen);
	}
	gomap_destroy(&m);
}

/* Documentation/core-api/goslice.rst */

#include "slice-fields.inc"

static void expect_field(struct kunit *test, const struct fields_slice *fields,
			 size_t i, const char *want)
{
	const struct text_slice *field = goslice_at(fields, i);

	KUNIT_ASSERT_NOT_NULL(test, field);
	KUNIT_EXPECT_EQ(test, strlen(want), goslice_len(field));
	KUNIT_EXPECT_EQ(test, strlen(want), goslice_cap(field));
	KUNIT_EXPECT_EQ(test, 0, strncmp(want, field->array, strlen(want)));
}

static void slice_fields(struct kunit *test)
{
	struct fields_slice fields = GOSLICE_NIL;
	struct text_slice line = GOSLICE_NIL;
	static const char text[] = "go chan  1";

	KUNIT_ASSERT_EQ(test, 0, goslice_append_many(&line, text,
						     sizeof(text) - 1,
						     GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, fields_cut(&fields, &line));
	goslice_put(&line);
	KUNIT_EXPECT_EQ(test, (size_t)4, goslice_len(&fields));
	expect_field(test, &fields, 0, "go");
	expect_field(test, &fields, 1, "chan");
	expect_field(test, &fields, 2, "");
	expect_field(test, &fields, 3, "1");
	fields_put(&fields);
}

static void slice_steps(struct kunit *test)
{
	DEFINE_GOSLICE(numbers, u64);
	struct numbers_slice a = GOSLICE_NIL, b = GOSLICE_NIL;
	gfp_t gfp = GFP_KERNEL;
	int err;

#include "slice-steps.inc"
	goslice_put(&a);
	goslice_put(&b);
}

/* README.md */

struct flow_key {
	__be32 from;
	__be32 to;
};

#include "readme-types.inc"

static void front_page(struct kunit *test)
{
	static struct flows_map flows;
	struct ids_slice ids = GOSLICE_NIL;
	struct flow_key key = { };
	bool ok, found;
	u64 v = 42;
	int err __maybe_unused;

	KUNIT_ASSERT_EQ(test, 0, flows_init(&flows, 0, GFP_KERNEL));
	{
#include "readme-calls.inc"
		gochan_put(ch);
	}
	goslice_put(&ids);
	flows_destroy(&flows);
}

static struct kunit_case example_cases[] = {
	KUNIT_CASE(gochan_header),
	KUNIT_CASE(goselect_header),
	KUNIT_CASE(gotimer_header),
	KUNIT_CASE(gomap_header),
	KUNIT_CASE(goslice_header),
	KUNIT_CASE(chan_buttons),
	KUNIT_CASE(chan_buttons_lost),
	KUNIT_CASE(chan_states),
	KUNIT_CASE(chan_batch),
	KUNIT_CASE(select_server),
	KUNIT_CASE(select_choice),
	KUNIT_CASE(timer_settle),
	KUNIT_CASE(timer_ticker),
	KUNIT_CASE(map_sessions),
	KUNIT_CASE(map_counters),
	KUNIT_CASE(map_reserve),
	KUNIT_CASE(map_scan),
	KUNIT_CASE(slice_fields),
	KUNIT_CASE(slice_steps),
	KUNIT_CASE(front_page),
	{}
};

struct kunit_suite examples_suite = {
	.name = "gochan_examples",
	.init = example_init,
	.exit = gct_exit,
	.test_cases = example_cases,
};
