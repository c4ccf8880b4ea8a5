// SPDX-License-Identifier: GPL-2.0
/*
 * Batches and memory that cannot be read or written: what could move has
 * moved, the count says so, and nothing is lost.
 */

#include "fail_test.h"

#define PER_PAGE	(4096 / 8)
#define IN_ALL		(2 * PER_PAGE)

/* Two pages, of which the second is made bad, for messages of 8 bytes. */
static __u64 *two_pages(int prot)
{
	__u64 *mem = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int i;

	if (mem == MAP_FAILED)
		abort();
	for (i = 0; i < IN_ALL; i++)
		mem[i] = i;
	if (mprotect(mem + PER_PAGE, 4096, prot))
		abort();
	return mem;
}

FIXTURE(bad_page) {
	__u64 values[IN_ALL];
	int fd;
};

FIXTURE_SETUP(bad_page)
{
	unsigned int i;

	for (i = 0; i < IN_ALL; i++)
		self->values[i] = i;
	self->fd = new_chan(0, 8, IN_ALL);
}

FIXTURE_TEARDOWN(bad_page)
{
	close(self->fd);
}

TEST_F(bad_page, send_stops_before_the_first_unreadable_message)
{
	__u64 *mem = two_pages(PROT_NONE);
	unsigned int i;

	EXPECT_EQ(PER_PAGE, send_many(self->fd, mem, IN_ALL, 0));
	EXPECT_EQ(-EFAULT, send_many(self->fd, mem + PER_PAGE, 5, 0));
	EXPECT_EQ(3, send_many(self->fd, mem + PER_PAGE - 3, 9, 0));
	check_info(self->fd, PER_PAGE + 3, 0, 0, 0);
	for (i = 0; i < PER_PAGE; i++)
		check_next(self->fd, i);
}

TEST_F(bad_page, send_leaves_out_a_message_that_is_partly_unreadable)
{
	__u64 *mem = two_pages(PROT_NONE);

	EXPECT_EQ(1, send_many(self->fd, (char *)(mem + PER_PAGE) - 12, 3, 0));
	EXPECT_EQ(-EFAULT,
		  send_many(self->fd, (char *)(mem + PER_PAGE) - 4, 3, 0));
	check_info(self->fd, 1, 0, 0, 0);
}

TEST_F(bad_page, recv_takes_what_there_is_room_for)
{
	__u64 *mem = two_pages(PROT_READ);
	unsigned int i;

	ASSERT_EQ(IN_ALL, send_many(self->fd, self->values, IN_ALL, 0));
	EXPECT_EQ(3, recv_many(self->fd, mem + PER_PAGE - 3, 9, 0));
	EXPECT_EQ(0, memcmp(mem + PER_PAGE - 3, self->values, 24));
	EXPECT_EQ(-EFAULT, recv_many(self->fd, mem + PER_PAGE, 5, 0));
	EXPECT_EQ(1, recv_many(self->fd, (char *)(mem + PER_PAGE) - 12, 9, 0));
	EXPECT_EQ(-EFAULT,
		  recv_many(self->fd, (char *)(mem + PER_PAGE) - 4, 9, 0));
	EXPECT_EQ(PER_PAGE, recv_many(self->fd, mem, IN_ALL, 0));
	EXPECT_EQ(0, memcmp(mem, self->values + 4, 4096));
	for (i = PER_PAGE + 4; i < IN_ALL; i++)
		check_next(self->fd, i);
	check_drained(self->fd);
}

/* Before anything else: it does not even wait for the first. */
TEST_F(bad_page, recv_on_empty_channel_fails_without_sleeping)
{
	__u64 *mem = two_pages(PROT_READ);

	EXPECT_EQ(-EFAULT, recv_many(self->fd, mem + PER_PAGE, 5, 0));
	EXPECT_EQ(-EFAULT, recv_many(self->fd, NULL, 5, 0));
}

TEST_F(bad_page, recv_with_a_struct_that_cannot_take_results_does_nothing)
{
	struct gochan_msg_batch batch = {
		.size = sizeof(batch),
		.buf = (uintptr_t)self->values,
		.elem_size = 8,
		.count = 4,
		.deadline = GOCHAN_NO_DEADLINE,
	};
	__u64 *mem = two_pages(PROT_READ | PROT_WRITE);

	memcpy(mem, &batch, sizeof(batch));
	ASSERT_EQ(0, mprotect(mem, 4096, PROT_READ));
	ASSERT_EQ(4, send_many(self->fd, self->values, 4, 0));
	EXPECT_EQ(-EFAULT, chan_ioctl(self->fd, GOCHAN_IOC_RECV_MANY, mem));
	EXPECT_EQ(-EFAULT, chan_ioctl(self->fd, GOCHAN_IOC_SEND_MANY, mem));
	check_info(self->fd, 4, 0, 0, 0);
}

static int move_varlen(int fd, unsigned long cmd, void *buf, void *lens,
		       __u32 count)
{
	struct gochan_msg_batch batch = {
		.flags = GOCHAN_MSG_NONBLOCK,
		.buf = (uintptr_t)buf,
		.lens = (uintptr_t)lens,
		.elem_size = 8,
		.count = count,
	};

	return move_many(fd, cmd, &batch);
}

/* A message needs to be readable as far as it goes, and its length too. */
TEST(varlen_send_stops_before_what_is_unreadable)
{
	__u64 *mem = two_pages(PROT_NONE);
	__u32 *lens = (__u32 *)(mem + PER_PAGE) - 2;
	__u32 short_lens[] = { 8, 4, 1 };
	int fd;

	fd = new_chan(GOCHAN_CHAN_VARLEN, 8, 10);
	lens[0] = 3;
	lens[1] = 2;
	EXPECT_EQ(2, move_varlen(fd, GOCHAN_IOC_SEND_MANY, mem, lens, 5));
	EXPECT_EQ(-EFAULT,
		  move_varlen(fd, GOCHAN_IOC_SEND_MANY, mem, lens + 2, 3));
	EXPECT_EQ(2, move_varlen(fd, GOCHAN_IOC_SEND_MANY,
				 (char *)(mem + PER_PAGE) - 12, short_lens, 3));
	check_info(fd, 4, 0, 0, 0);
}

TEST(varlen_recv_takes_what_there_is_room_for)
{
	__u64 *mem = two_pages(PROT_READ);
	__u32 *lens = (__u32 *)(mem + PER_PAGE) - 2;
	__u32 in_lens[] = { 1, 2, 3, 4, 5 };
	__u64 in[5] = { 0 }, out[5];
	int fd;

	fd = new_chan(GOCHAN_CHAN_VARLEN, 8, 10);
	ASSERT_EQ(5, move_varlen(fd, GOCHAN_IOC_SEND_MANY, in, in_lens, 5));
	EXPECT_EQ(2, move_varlen(fd, GOCHAN_IOC_RECV_MANY, out, lens, 5));
	EXPECT_EQ(1, lens[0]);
	EXPECT_EQ(2, lens[1]);
	EXPECT_EQ(-EFAULT,
		  move_varlen(fd, GOCHAN_IOC_RECV_MANY, out, lens + 2, 3));
	/* Room for a whole element, whatever the length of the message. */
	EXPECT_EQ(1, move_varlen(fd, GOCHAN_IOC_RECV_MANY,
				 (char *)(mem + PER_PAGE) - 12, in_lens, 3));
	EXPECT_EQ(3, in_lens[0]);
	check_info(fd, 2, 0, 0, 0);
}

/* Failure injection. */

#define BATCH		40
#define ELEM		100

FIXTURE(fail_many) {
	int nth;
	int fd;
	bool usable;
};

FIXTURE_SETUP(fail_many)
{
	self->fd = new_chan(0, ELEM, BATCH);
	self->nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	self->usable = fail_nth_usable(self->nth);
}

FIXTURE_TEARDOWN(fail_many)
{
	close(self->nth);
	close(self->fd);
}

static int move_elems(int fd, unsigned long cmd, char *buf, __u32 count)
{
	struct gochan_msg_batch batch = {
		.size = sizeof(batch),
		.flags = GOCHAN_MSG_NONBLOCK,
		.buf = (uintptr_t)buf,
		.elem_size = ELEM,
		.count = count,
	};

	return chan_ioctl(fd, cmd, &batch);
}

TEST_F(fail_many, send_fails_cleanly_or_succeeds)
{
	static char in[BATCH * ELEM], out[BATCH * ELEM];
	unsigned int n, failures = 0;
	struct gochan_info info;
	bool hit = true;
	int ret;

	if (!self->usable)
		SKIP(return, "no fault injection");
	for (n = 1; hit; n++) {
		ASSERT_GT(FAIL_NTH_MAX, n);
		memset(in, n, sizeof(in));
		fail_nth_set(self->nth, n);
		ret = move_elems(self->fd, GOCHAN_IOC_SEND_MANY, in, BATCH);
		hit = fail_nth_hit(self->nth);
		ASSERT_EQ(0, chan_info(self->fd, &info));
		if (ret < 0) {
			EXPECT_TRUE(injected(ret));
			EXPECT_TRUE(hit);
			failures++;
		}
		/* Only a failing copy of the results hides what was sent. */
		if (ret != -EFAULT || !info.length)
			EXPECT_EQ(ret < 0 ? 0 : ret, (int)info.length);
		if (!info.length)
			continue;
		EXPECT_EQ((int)info.length,
			  move_elems(self->fd, GOCHAN_IOC_RECV_MANY, out,
				     BATCH));
		EXPECT_EQ(0, memcmp(in, out, info.length * ELEM));
	}
	EXPECT_LT(0, failures);
}

/* Receives with the n-th event failing, for all n. How many batches went? */
static unsigned int lost_by_failures(struct __test_metadata *_metadata,
				     struct _test_data_fail_many *self)
{
	static char in[BATCH * ELEM], out[BATCH * ELEM];
	unsigned int n, failures = 0, lost = 0;
	struct gochan_info info;
	bool hit = true;
	int ret;

	memset(in, 'x', sizeof(in));
	for (n = 1; hit; n++) {
		ASSERT_GT(FAIL_NTH_MAX, n);
		ASSERT_EQ(BATCH, move_elems(self->fd, GOCHAN_IOC_SEND_MANY, in,
					    BATCH));
		fail_nth_set(self->nth, n);
		ret = move_elems(self->fd, GOCHAN_IOC_RECV_MANY, out, BATCH);
		hit = fail_nth_hit(self->nth);
		ASSERT_EQ(0, chan_info(self->fd, &info));
		if (ret < 0) {
			EXPECT_TRUE(injected(ret));
			EXPECT_TRUE(hit);
			failures++;
		}
		if (ret == -EFAULT && !info.length)
			lost++;
		else
			EXPECT_EQ(ret < 0 ? BATCH : BATCH - ret,
				  (int)info.length);
		if (info.length)
			move_elems(self->fd, GOCHAN_IOC_RECV_MANY, out, BATCH);
		check_info(self->fd, 0, 0, 0, 0);
	}
	EXPECT_LT(0, failures);
	return lost;
}

/* As for a single receive: only a failing copy to the user may lose any. */
TEST_F(fail_many, recv_loses_no_message)
{
	if (!self->usable)
		SKIP(return, "no fault injection");
	lost_by_failures(_metadata, self);
	ASSERT_TRUE(fail_copies_alone(true));
	EXPECT_EQ(1, lost_by_failures(_metadata, self));
}

/* A right that was not given after all must not count for AUTOCLOSE. */
TEST_F(fail_many, restrict_fails_cleanly_or_succeeds)
{
	struct gochan_info info = { 0 };
	unsigned int n, failures = 0;
	bool hit = true;
	int fd, recv;

	if (!self->usable)
		SKIP(return, "no fault injection");
	fd = new_chan(GOCHAN_CHAN_AUTOCLOSE, 8, 1);
	recv = new_end(fd, GOCHAN_RIGHT_RECV);
	for (n = 1; hit; n++) {
		int end;

		ASSERT_GT(FAIL_NTH_MAX, n);
		fail_nth_set(self->nth, n);
		end = chan_restrict(fd, GOCHAN_RIGHT_SEND | GOCHAN_RIGHT_RECV);
		hit = fail_nth_hit(self->nth);
		if (end >= 0) {
			EXPECT_EQ(0, close(end));
			continue;
		}
		EXPECT_TRUE(injected(end));
		EXPECT_TRUE(hit);
		failures++;
	}
	EXPECT_LT(0, failures);
	check_info(recv, 0, 0, 0, 0);
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, chan_info(recv, &info));
	EXPECT_EQ(1, info.closed);
}

TEST_HARNESS_MAIN
