/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the gochan suites share: threads that end with their test, waits that
 * end, and the scale of the stress tests.
 *
 * A test has one main thread, which alone uses the KUnit expectations. Helper
 * threads only record what happened to them. The fixture stops and joins every
 * helper when the test ends, also when an assertion ended it early: a thread
 * left behind would use memory of the test, and text of the module, that are
 * gone by then.
 *
 * Tests wait for states (so many waiters on the channel, this thread is done),
 * never for time to pass.
 */

#ifndef _GOCHAN_KUNIT_H
#define _GOCHAN_KUNIT_H

#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/gochan.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/types.h>

/* What buffers hold before the call that must, or must not, change them. */
#define GCT_POISON		0x5a
#define GCT_POISON_U64		0x5a5a5a5a5a5a5a5aULL

/**
 * struct gct_thread - a helper thread
 * @node: entry in the list of the fixture
 * @task: the thread, with a reference; NULL once joined
 * @ready: signals reach it
 * @done: completed once @fn has returned
 * @fn: what the thread runs
 * @arg: for @fn
 * @stop: the test is over, long loops must end
 * @ret: what @fn returned
 */
struct gct_thread {
	struct list_head node;
	struct task_struct *task;
	struct completion ready;
	struct completion done;
	int (*fn)(struct gct_thread *thread);
	void *arg;
	bool stop;
	int ret;
};

/**
 * struct gct_op - one blocking operation in a thread of its own
 * @thread: the thread
 * @ch: the channel
 * @buf: source or destination
 * @wait: how it sleeps
 * @val: default @buf, for channels of u64
 * @send: send, else receive
 * @ok: receive: what gochan_recv_wait() stored; starts as true
 */
struct gct_op {
	struct gct_thread *thread;
	struct gochan *ch;
	void *buf;
	struct gochan_wait wait;
	u64 val;
	bool send;
	bool ok;
};

extern struct kunit_suite gochan_state_suite;
extern struct kunit_suite gochan_varlen_suite;
extern struct kunit_suite gochan_wait_suite;
extern struct kunit_suite gochan_cancel_suite;
extern struct kunit_suite gochan_stress_suite;
extern struct kunit_suite gochan_race_suite;
extern struct kunit_suite gochan_model_suite;
extern struct kunit_suite gochan_many_suite;
extern struct kunit_suite gochan_watch_suite;
extern struct kunit_suite examples_suite;

unsigned int gochan_scaled(unsigned int n);
u64 gochan_seed(void);
unsigned long gct_timeout(void);

/* Fixture: init and exit of every suite. */
int gct_init(struct kunit *test);
void gct_exit(struct kunit *test);

/* Channels that the fixture puts. */
struct gochan *gct_chan(struct kunit *test, size_t elem_size, size_t cap);
struct gochan *gct_chan_varlen(struct kunit *test, size_t max, size_t cap);
void gct_put_later(struct kunit *test, struct gochan *ch);
void gct_put_now(struct kunit *test, struct gochan *ch);

/* Threads. */
struct gct_thread *gct_start(struct kunit *test,
			     int (*fn)(struct gct_thread *thread), void *arg);
int gct_join(struct kunit *test, struct gct_thread *thread);
bool gct_running(struct gct_thread *thread);
bool gct_stopping(struct gct_thread *thread);
void gct_signal(struct gct_thread *thread, int sig);

/* Waiting. */
void gct_pause(void);
void gct_settle(void);
void gct_relax(unsigned int *spins);
bool gct_meet(struct gct_thread *thread, atomic_t *arrived);
bool gct_await_waiters(struct gochan *ch, u32 senders, u32 receivers);

/* Blocking operations in threads; return when the operation is asleep. */
struct gct_op *gct_park_op(struct kunit *test, struct gochan *ch, bool send,
			   void *buf, u64 val, const struct gochan_wait *wait);
struct gct_op *gct_park_send(struct kunit *test, struct gochan *ch, u64 val);
struct gct_op *gct_park_recv(struct kunit *test, struct gochan *ch);
int gct_finish(struct kunit *test, struct gct_op *op);

/* Buffers. */
void gct_fill(void *buf, size_t len, unsigned int seed);
bool gct_filled(const void *buf, size_t len, unsigned int seed);
bool gct_all(const void *buf, u8 byte, size_t len);

/* Ways to sleep. */
extern const struct gochan_wait gct_interruptible;
extern const struct gochan_wait gct_killable;

static inline ktime_t gct_in_us(u64 us)
{
	return ktime_add_us(ktime_get(), us);
}

#define GCT_PAST	((ktime_t)1)

/* Fail here, with the numbers, if the waiters do not become so many. */
#define GCT_ASSERT_WAITERS(test, ch, want_senders, want_receivers)	\
do {									\
	u32 __send = (want_senders), __recv = (want_receivers);		\
									\
	KUNIT_ASSERT_TRUE_MSG(test, gct_await_waiters(ch, __send, __recv), \
			      "expected %u senders, %u receivers asleep", \
			      __send, __recv);				\
} while (0)

#define GCT_EXPECT_STAT(test, ch, want_len, want_senders, want_receivers, \
			want_closed)					\
do {									\
	struct kunit *__test = (test);					\
	struct gochan_stat __st;					\
									\
	gochan_stat(ch, &__st);						\
	KUNIT_EXPECT_EQ(__test, __st.len, (u32)(want_len));		\
	KUNIT_EXPECT_EQ(__test, __st.senders, (u32)(want_senders));	\
	KUNIT_EXPECT_EQ(__test, __st.receivers, (u32)(want_receivers));	\
	KUNIT_EXPECT_EQ(__test, __st.closed, (bool)(want_closed));	\
} while (0)

#endif /* _GOCHAN_KUNIT_H */
