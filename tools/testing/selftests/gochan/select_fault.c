// SPDX-License-Identifier: GPL-2.0
/*
 * GOCHAN_IOC_SELECT, memory that cannot be read or written, and failing
 * allocations: the error comes before anything has moved, and names its case.
 */

#include "fail_test.h"
#include "select_test.h"

/* A page that can be used, and after it one that is made bad. */
static char *page_before(int prot)
{
	long page = sysconf(_SC_PAGESIZE);
	char *mem = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED || mprotect(mem + page, page, prot))
		abort();
	return mem + page;
}

FIXTURE(bad) {
	int full;
	int free;
	int empty;
	struct selection *s;
	char *unreadable;
	char *unwritable;
};

/* The case at fault is between two that are ready. */
FIXTURE_SETUP(bad)
{
	self->full = new_chan(0, 8, 2);
	self->free = new_chan(0, 8, 2);
	self->empty = new_chan(0, 8, 0);
	ASSERT_EQ(0, try_send_u64(self->full, 1));
	ASSERT_EQ(0, try_send_u64(self->full, 2));
	self->unreadable = page_before(PROT_NONE);
	self->unwritable = page_before(PROT_READ);
	self->s = selection_new();
	add_recv(self->s, self->full);
}

FIXTURE_TEARDOWN(bad)
{
	check_info(self->full, 2, 0, 0, 0);
	check_info(self->free, 0, 0, 0, 0);
	check_info(self->empty, 0, 0, 0, 0);
	close(self->empty);
	close(self->free);
	close(self->full);
}

/* Whether it is ready or not, waits or not, is first or not. */
#define check_bad_buf(self, buf_, len_)					\
	do {								\
		__typeof__(self) __bad = (self);			\
		struct selection *__s = __bad->s;			\
									\
		__s->cases[1].buf = (uintptr_t)(buf_);			\
		__s->cases[1].len = len_;				\
		add_send(__s, __bad->free, 3);				\
		check_blame(-EFAULT, 1, __s);				\
		EXPECT_EQ(-EFAULT, run_select_flags(__s,		\
						    GOCHAN_SELECT_FIRST, 0)); \
		EXPECT_EQ(1, __s->args.index);				\
		EXPECT_EQ(POISON_U64, __s->values[0]);			\
		/* Switched off, it harms nobody. */			\
		__s->cases[0].fd = -1;					\
		EXPECT_EQ(-EFAULT, run_select_flags(__s, 0,		\
						    GOCHAN_NO_DEADLINE)); \
		EXPECT_EQ(1, __s->args.index);				\
		__s->cases[0].fd = __bad->full;				\
		__s->args.nr--;						\
	} while (0)

TEST_F(bad, send_from_what_cannot_be_read)
{
	const int fds[] = { self->free, self->empty };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		add_send(self->s, fds[i], 0);
		check_bad_buf(self, self->unreadable, 8);
		check_bad_buf(self, self->unreadable - 7, 8);
		check_bad_buf(self, NULL, 8);
		check_bad_buf(self, 16, 8);
		self->s->args.nr--;
	}
}

TEST_F(bad, recv_to_what_cannot_be_written)
{
	const int fds[] = { self->full, self->empty };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		add_recv(self->s, fds[i]);
		check_bad_buf(self, self->unwritable, 8);
		check_bad_buf(self, self->unwritable - 7, 8);
		check_bad_buf(self, self->unreadable, 8);
		check_bad_buf(self, 16, 8);
		self->s->args.nr--;
	}
}

TEST_F(bad, address_beyond_user_memory)
{
	struct selection *s = self->s;
	__u64 good;
	int bit;

	add_send(s, self->free, 1);
	good = s->cases[1].buf;
	for (bit = 62; bit < 64; bit++) {
		s->cases[1].buf = good | 1ULL << bit;
		check_blame(-EFAULT, 1, s);
	}
	s->args.nr--;
	add_recv(s, self->full);
	good = s->cases[1].buf;
	for (bit = 62; bit < 64; bit++) {
		s->cases[1].buf = good | 1ULL << bit;
		check_blame(-EFAULT, 1, s);
	}
}

/* Memory at its end, where one byte more would be too many, will do. */
TEST_F(bad, memory_next_to_good_one_is_not_touched)
{
	struct selection *s = self->s;
	char *end = self->unwritable;

	memset(end - 8, 7, 8);
	s->args.nr = 0;
	add_send_msg(s, self->free, end - 8, 8);
	EXPECT_EQ(0, try_select(s));
	s->args.nr = 0;
	add_recv_msg(s, self->free, end - 8, 8);
	EXPECT_EQ(0, try_select(s));
	EXPECT_TRUE(is_filled(end - 8, 7, 8));
	/* Of more room than an element, only the element is written. */
	ASSERT_EQ(0, try_send_u64(self->free, 4));
	s->args.nr = 0;
	add_recv_msg(s, self->free, end - 8, 4096);
	EXPECT_EQ(0, try_select(s));
}

/* The results have to be written somewhere. */

TEST_F(bad, structure_that_cannot_take_the_index)
{
	long page = sysconf(_SC_PAGESIZE);
	char *start = self->unwritable - page;

	add_send(self->s, self->free, 1);
	memcpy(start, &self->s->args, sizeof(self->s->args));
	ASSERT_EQ(0, mprotect(start, page, PROT_READ));
	EXPECT_EQ(-EFAULT, chan_ioctl(gochan_dev, GOCHAN_IOC_SELECT, start));
}

TEST_F(bad, structure_that_runs_into_a_bad_page)
{
	char *end = self->unreadable;

	memcpy(end - 8, &self->s->args, 8);
	EXPECT_EQ(-EFAULT, chan_ioctl(gochan_dev, GOCHAN_IOC_SELECT, end - 8));
	EXPECT_EQ(-EFAULT, chan_ioctl(gochan_dev, GOCHAN_IOC_SELECT, end));
}

TEST_F(bad, cases_that_run_into_a_bad_page)
{
	const size_t size = sizeof(struct gochan_select_case);
	char *end = self->unreadable;
	struct gochan_select args;

	add_send(self->s, self->free, 1);
	args = self->s->args;
	memcpy(end - size, self->s->cases, size);
	args.cases = (uintptr_t)end - size;
	EXPECT_EQ(-EFAULT, chan_ioctl(gochan_dev, GOCHAN_IOC_SELECT, &args));
	args.nr = 1;
	args.cases = (uintptr_t)end - size + 1;
	memcpy(end - size + 1, self->s->cases, size - 1);
	EXPECT_EQ(-EFAULT, chan_ioctl(gochan_dev, GOCHAN_IOC_SELECT, &args));
}

TEST_F(bad, cases_that_cannot_take_results)
{
	const size_t size = sizeof(struct gochan_select_case);
	long page = sysconf(_SC_PAGESIZE);
	char *mem = self->unwritable;
	struct gochan_select args;

	/* The second case is read-only: neither must be taken. */
	add_recv(self->s, self->full);
	args = self->s->args;
	ASSERT_EQ(0, mprotect(mem, page, PROT_READ | PROT_WRITE));
	memcpy(mem - size, self->s->cases, 2 * size);
	ASSERT_EQ(0, mprotect(mem, page, PROT_READ));
	args.cases = (uintptr_t)mem - size;
	EXPECT_EQ(-EFAULT, chan_ioctl(gochan_dev, GOCHAN_IOC_SELECT, &args));
	EXPECT_EQ(1, args.index);
	args.flags = GOCHAN_SELECT_FIRST;
	EXPECT_EQ(-EFAULT, chan_ioctl(gochan_dev, GOCHAN_IOC_SELECT, &args));
}

TEST_F(bad, case_that_is_off_may_point_anywhere)
{
	add_recv_msg(self->s, -1, self->unwritable, 8);
	add_send_msg(self->s, -1, self->unreadable, 8);
	self->s->cases[0].fd = self->empty;
	check_blame(-EAGAIN, GOCHAN_NO_CASE, self->s);
}

/*
 * Failure injection. Each of 64 cases has its own copies: more of them than
 * with a single message. Each number is tried twice: a call may need less than
 * the one before, if that has left something behind in the allocator's caches,
 * and what is then passed over would be so for every second number.
 */
#define SELECT_NTH_MAX	2000

/* More than is staged on a stack. */
#define ELEM		600

FIXTURE(fail_select) {
	int nth;
	bool usable;
	int fds[GOCHAN_SELECT_MAX];
	struct selection *s;
	char *in;
	char *out;
};

FIXTURE_SETUP(fail_select)
{
	unsigned int i;

	self->in = shared_alloc(GOCHAN_SELECT_MAX * ELEM);
	self->out = shared_alloc(ELEM);
	self->s = selection_new();
	for (i = 0; i < GOCHAN_SELECT_MAX; i++)
		self->fds[i] = new_chan(0, ELEM, i % 2);
	self->nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	self->usable = fail_nth_usable(self->nth);
}

FIXTURE_TEARDOWN(fail_select)
{
	close(self->nth);
}

/* Half of them receive, half send, and with odd ones there is a file, too. */
static void fill_cases(struct selection *s, const int *fds, int event,
		       char *in, char *out)
{
	unsigned int i;

	selection_reset(s);
	for (i = 0; i < GOCHAN_SELECT_MAX - 1; i++) {
		if (i % 4 == 2)
			add_send_msg(s, fds[i], in + i * ELEM, ELEM);
		else
			add_recv_msg(s, fds[i], out, ELEM);
	}
	add_poll(s, event, EPOLLIN);
}

TEST_F(fail_select, blocked_in_64_cases_fails_cleanly)
{
	unsigned int n, i, failures = 0, nomem = 0;
	int event = new_event(0), ret;
	bool hit = true;

	if (!self->usable)
		SKIP(return, "no fault injection");
	for (n = 2; hit; n++) {
		ASSERT_GT(SELECT_NTH_MAX, n);
		fill_cases(self->s, self->fds, event, self->in, self->out);
		self->s->args.deadline = in_ms(5);
		fail_nth_set(self->nth, n / 2);
		ret = chan_ioctl(gochan_dev, GOCHAN_IOC_SELECT, &self->s->args);
		hit = fail_nth_hit(self->nth);
		if (ret != -ETIMEDOUT) {
			EXPECT_TRUE(injected(ret));
			EXPECT_TRUE(hit);
			failures++;
			nomem += ret == -ENOMEM;
		}
		for (i = 0; i < GOCHAN_SELECT_MAX; i++)
			ASSERT_TRUE(has_waiters(self->fds[i], 0, 0));
	}
	EXPECT_LT(0, nomem);
	TH_LOG("%u failures, %u of them ENOMEM", failures, nomem);
	EXPECT_EQ(8, event_signal(event));
	EXPECT_EQ(1, event_take(event));
}

/* Receives with the n-th event failing, for all n. How many messages went? */
static unsigned int lost_by_failures(struct __test_metadata *_metadata,
				     struct _test_data_fail_select *self)
{
	unsigned int n, failures = 0, lost = 0;
	int event = new_event(0), fd, ret;
	struct gochan_info info;
	bool hit = true;

	fd = self->fds[33];
	for (n = 1; hit; n++) {
		ASSERT_GT(SELECT_NTH_MAX, n);
		fill_cases(self->s, self->fds, event, self->in, self->out);
		memset(self->in, n, ELEM);
		ASSERT_EQ(0, chan_try_send(fd, self->in, ELEM));
		fail_nth_set(self->nth, n);
		ret = chan_ioctl(gochan_dev, GOCHAN_IOC_SELECT, &self->s->args);
		hit = fail_nth_hit(self->nth);
		ASSERT_EQ(0, chan_info(fd, &info));
		if (ret == 33) {
			EXPECT_EQ(0, memcmp(self->in, self->out, ELEM));
			EXPECT_EQ(0, info.length);
			continue;
		}
		EXPECT_TRUE(injected(ret));
		EXPECT_TRUE(hit);
		failures++;
		EXPECT_TRUE(info.length || ret == -EFAULT);
		lost += !info.length;
		if (info.length)
			ASSERT_EQ(1, drain(fd, 1));
	}
	EXPECT_LT(0, failures);
	close(event);
	return lost;
}

/* As for a single receive: only a failing copy to the user may lose any. */
TEST_F(fail_select, receive_loses_no_message)
{
	if (!self->usable)
		SKIP(return, "no fault injection");
	lost_by_failures(_metadata, self);
	ASSERT_TRUE(fail_copies_alone(true));
	/* The message, and its case. */
	EXPECT_EQ(2, lost_by_failures(_metadata, self));
}

TEST_HARNESS_MAIN
