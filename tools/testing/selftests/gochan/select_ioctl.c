// SPDX-License-Identifier: GPL-2.0
/*
 * GOCHAN_IOC_SELECT: its arguments, and every error that they can be.
 */

#include "select_test.h"

/* Larger than the structures, smaller than the largest accepted size. */
#define BIG_STRUCT	256

static int select_sized(void *args, __u32 size)
{
	memcpy(args, &size, sizeof(size));
	return chan_ioctl(gochan_dev, GOCHAN_IOC_SELECT, args);
}

/* A channel that can be sent to and received from, and a select on it. */
FIXTURE(args) {
	int fd;
	struct selection *s;
};

FIXTURE_SETUP(args)
{
	self->fd = new_chan(0, 8, 8);
	ASSERT_EQ(0, try_send_u64(self->fd, 1));
	ASSERT_EQ(0, try_send_u64(self->fd, 2));
	self->s = selection_new();
	add_recv(self->s, self->fd);
	add_send(self->s, self->fd, 3);
	self->s->args.flags = GOCHAN_SELECT_NONBLOCK | GOCHAN_SELECT_FIRST;
}

FIXTURE_TEARDOWN(args)
{
	close(self->fd);
}

/* Where the structure itself is refused, its index may not be written. */
static bool nobody_blamed(const struct selection *s)
{
	return s->args.index == GOCHAN_NO_CASE || s->args.index == POISON_U32;
}

#define check_refused(error, self)					\
	do {								\
		__typeof__(self) __args = (self);			\
									\
		EXPECT_EQ(error, run_select(__args->s));		\
		EXPECT_TRUE(nobody_blamed(__args->s));			\
		check_info(__args->fd, 2, 0, 0, 0);			\
	} while (0)

TEST_F(args, as_they_should_be_work)
{
	EXPECT_EQ(0, run_select(self->s));
	EXPECT_EQ(1, self->s->values[0]);
	check_info(self->fd, 1, 0, 0, 0);
}

TEST_F(args, on_a_channel_or_a_map_are_unknown)
{
	struct gochan_map_create create = {
		.size = sizeof(create),
		.key_size = 8,
		.value_size = 8,
	};
	int map;

	map = chan_ioctl(gochan_dev, GOCHAN_IOC_MAP_CREATE, &create);
	ASSERT_LE(0, map);
	EXPECT_EQ(-ENOTTY, chan_ioctl(self->fd, GOCHAN_IOC_SELECT,
				      &self->s->args));
	EXPECT_EQ(-ENOTTY, chan_ioctl(map, GOCHAN_IOC_SELECT, &self->s->args));
}

TEST_F(args, of_too_small_size_fail)
{
	struct gochan_select args = self->s->args;
	__u32 size;

	for (size = 0; size < sizeof(args); size++)
		EXPECT_EQ(-EINVAL, select_sized(&args, size));
	check_info(self->fd, 2, 0, 0, 0);
}

TEST_F(args, of_larger_size_are_taken_if_the_rest_is_zero)
{
	union {
		struct gochan_select args;
		char bytes[4097];
	} u = { .args = self->s->args };

	EXPECT_EQ(0, select_sized(&u, BIG_STRUCT));
	EXPECT_EQ(0, select_sized(&u, 4096));
	check_info(self->fd, 0, 0, 0, 0);
	u.args.index = POISON_U32;
	u.bytes[BIG_STRUCT - 1] = 1;
	EXPECT_EQ(-E2BIG, select_sized(&u, BIG_STRUCT));
	u.bytes[BIG_STRUCT - 1] = 0;
	u.bytes[sizeof(u.args)] = 1;
	EXPECT_EQ(-E2BIG, select_sized(&u, sizeof(u.args) + 1));
	u.bytes[sizeof(u.args)] = 0;
	EXPECT_EQ(-E2BIG, select_sized(&u, 4097));
	EXPECT_EQ(-E2BIG, select_sized(&u, UINT_MAX));
	EXPECT_EQ(POISON_U32, u.args.index);
	check_info(self->fd, 0, 0, 0, 0);
}

TEST_F(args, that_are_unreadable_fail)
{
	EXPECT_EQ(-EFAULT, chan_ioctl(gochan_dev, GOCHAN_IOC_SELECT, NULL));
	EXPECT_EQ(-EFAULT, chan_ioctl(gochan_dev, GOCHAN_IOC_SELECT,
				      (void *)(uintptr_t)16));
}

TEST_F(args, with_unknown_flags_fail)
{
	const __u32 known = GOCHAN_SELECT_NONBLOCK | GOCHAN_SELECT_REALTIME |
			    GOCHAN_SELECT_FIRST;
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		if ((1U << bit) & known)
			continue;
		self->s->args.flags = GOCHAN_SELECT_NONBLOCK | 1U << bit;
		check_refused(-EINVAL, self);
	}
}

TEST_F(args, with_padding_fail)
{
	self->s->args.pad = 1;
	check_refused(-EINVAL, self);
	self->s->args.pad = 1U << 31;
	check_refused(-EINVAL, self);
}

TEST_F(args, with_too_many_cases_fail)
{
	/* That they are off does not make them fewer. */
	while (self->s->args.nr < GOCHAN_SELECT_MAX)
		add_recv(self->s, -1);
	EXPECT_EQ(0, run_select(self->s));
	ASSERT_EQ(0, try_send_u64(self->fd, 3));
	add_recv(self->s, -1);
	check_refused(-EINVAL, self);
	self->s->args.nr = UINT_MAX;
	check_refused(-EINVAL, self);
	/* The product with the size of a case is 128 in 32 bits. */
	self->s->args.nr = 0x10000004;
	check_refused(-EINVAL, self);
}

TEST_F(args, with_too_small_cases_fail)
{
	__u32 size;

	for (size = 0; size < sizeof(struct gochan_select_case); size++) {
		self->s->args.case_size = size;
		check_refused(-EINVAL, self);
	}
}

/* From a future in which a case has two more members. */
struct large_case {
	struct gochan_select_case c;
	__u64 more[2];
};

TEST_F(args, with_larger_cases_are_taken_if_the_rest_is_zero)
{
	struct large_case cases[2] = {
		{ .c = self->s->cases[0] },
		{ .c = self->s->cases[1] },
	};
	struct gochan_select args = self->s->args;

	args.cases = (uintptr_t)cases;
	args.case_size = sizeof(cases[0]);
	cases[0].c.fd = -1;
	EXPECT_EQ(1, select_sized(&args, sizeof(args)));
	EXPECT_EQ(1, args.index);
	cases[0].c.fd = self->fd;
	EXPECT_EQ(0, select_sized(&args, sizeof(args)));
	EXPECT_EQ(1, cases[0].c.ok);
	EXPECT_EQ(0, cases[0].more[0] | cases[0].more[1]);
	check_info(self->fd, 2, 0, 0, 0);

	cases[0].more[1] = 1;
	EXPECT_EQ(-E2BIG, select_sized(&args, sizeof(args)));
	cases[0].more[1] = 0;
	cases[1].more[0] = 1ULL << 63;
	EXPECT_EQ(-E2BIG, select_sized(&args, sizeof(args)));
	check_info(self->fd, 2, 0, 0, 0);
	/* What lies behind the size of a case is the next case. */
	args.nr = 1;
	EXPECT_EQ(0, select_sized(&args, sizeof(args)));
}

TEST_F(args, with_unreadable_cases_fail)
{
	static const __u64 bad[] = {
		0, 16, 1ULL << 63, 1ULL << 62, ~0ULL,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		self->s->args.cases = bad[i];
		EXPECT_EQ(-EFAULT, run_select(self->s));
		check_info(self->fd, 2, 0, 0, 0);
	}
	/* Also where the upper half of an address could be cut off. */
	self->s->args.cases = (uintptr_t)self->s->cases | 1ULL << 63;
	EXPECT_EQ(-EFAULT, run_select(self->s));
	check_info(self->fd, 2, 0, 0, 0);
}

TEST_F(args, without_cases_need_no_address)
{
	selection_reset(self->s);
	self->s->args.cases = 0;
	check_blame(-EAGAIN, GOCHAN_NO_CASE, self->s);
}

/* Cases. */

/* Behind one that is ready and before another: neither happens. */
FIXTURE(bad_case) {
	int fd;
	int map;
	struct selection *s;
	struct gochan_select_case *c;
	__u64 value;
};

FIXTURE_SETUP(bad_case)
{
	struct gochan_map_create create = {
		.size = sizeof(create),
		.key_size = 8,
		.value_size = 8,
	};

	self->fd = new_chan(0, 8, 2);
	ASSERT_EQ(0, try_send_u64(self->fd, 1));
	self->map = chan_ioctl(gochan_dev, GOCHAN_IOC_MAP_CREATE, &create);
	ASSERT_LE(0, self->map);
	self->s = selection_new();
	add_recv(self->s, self->fd);
	self->c = add_case(self->s, GOCHAN_CASE_RECV, self->fd);
	add_send(self->s, self->fd, 2);
}

FIXTURE_TEARDOWN(bad_case)
{
	close(self->map);
	close(self->fd);
}

#define check_bad_case(error, self)					\
	do {								\
		__typeof__(self) __bad = (self);			\
									\
		check_blame(error, 1, __bad->s);			\
		check_info(__bad->fd, 1, 0, 0, 0);			\
	} while (0)

TEST_F(bad_case, with_unknown_op)
{
	static const __u32 ops[] = { 0, 4, 5, 1U << 8 | 1, 1U << 31, ~0U };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		self->c->op = ops[i];
		self->c->fd = self->fd;
		check_bad_case(-EINVAL, self);
		self->c->fd = -1;
		check_bad_case(-EINVAL, self);
	}
}

TEST_F(bad_case, with_padding)
{
	__u32 op;

	for (op = GOCHAN_CASE_SEND; op <= GOCHAN_CASE_POLL; op++) {
		*self->c = (struct gochan_select_case) {
			.op = op,
			.fd = -1,
			.pad = 1,
		};
		check_bad_case(-EINVAL, self);
	}
	self->c->op = GOCHAN_CASE_RECV;
	self->c->fd = self->fd;
	check_bad_case(-EINVAL, self);
}

TEST_F(bad_case, with_members_that_are_not_its_own)
{
	int event = new_event(1);

	/* A send has no results, only a poll has events. */
	self->c->events = EPOLLIN;
	check_bad_case(-EINVAL, self);
	*self->c = (struct gochan_select_case) {
		.op = GOCHAN_CASE_SEND,
		.fd = self->fd,
		.buf = (uintptr_t)&self->value,
		.len = 8,
		.events = EPOLLOUT,
	};
	check_bad_case(-EINVAL, self);
	self->c->events = 0;
	self->c->ok = 1;
	check_bad_case(-EINVAL, self);

	/* A poll moves no message. */
	*self->c = (struct gochan_select_case) {
		.op = GOCHAN_CASE_POLL,
		.fd = event,
		.events = EPOLLIN,
		.ok = 1,
	};
	check_bad_case(-EINVAL, self);
	self->c->ok = 0;
	self->c->buf = (uintptr_t)&self->value;
	check_bad_case(-EINVAL, self);
	self->c->buf = 0;
	self->c->len = 1;
	check_bad_case(-EINVAL, self);
	EXPECT_EQ(1, event_take(event));
}

TEST_F(bad_case, on_a_descriptor_that_is_not_open)
{
	int path, closed;
	__u32 op;

	closed = dup(self->fd);
	ASSERT_LE(0, closed);
	close(closed);
	path = open("/", O_PATH | O_CLOEXEC);
	ASSERT_LE(0, path);
	for (op = GOCHAN_CASE_SEND; op <= GOCHAN_CASE_POLL; op++) {
		const int fds[] = { closed, path, -2, INT_MIN, INT_MAX };
		unsigned int i;

		for (i = 0; i < ARRAY_SIZE(fds); i++) {
			*self->c = (struct gochan_select_case) {
				.op = op,
				.fd = fds[i],
			};
			check_bad_case(-EBADF, self);
		}
	}
}

TEST_F(bad_case, without_the_right)
{
	int send = new_end(self->fd, GOCHAN_RIGHT_SEND);
	int recv = new_end(self->fd, GOCHAN_RIGHT_RECV);

	self->c->fd = send;
	check_bad_case(-EBADF, self);
	*self->c = (struct gochan_select_case) {
		.op = GOCHAN_CASE_SEND,
		.fd = recv,
		.buf = (uintptr_t)&self->value,
		.len = 8,
	};
	check_bad_case(-EBADF, self);
	/* With the right, each of them would have done. */
	self->s->cases[0].fd = -1;
	self->s->cases[2].fd = -1;
	self->c->fd = send;
	EXPECT_EQ(1, try_select(self->s));
	*self->c = (struct gochan_select_case) {
		.op = GOCHAN_CASE_RECV,
		.fd = recv,
	};
	EXPECT_EQ(1, try_select(self->s));
	check_info(self->fd, 1, 0, 0, 0);
}

TEST_F(bad_case, that_sends_to_or_receives_from_what_is_no_channel)
{
	const int fds[] = { self->map, new_event(1), gochan_dev };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		*self->c = (struct gochan_select_case) {
			.op = GOCHAN_CASE_RECV,
			.fd = fds[i],
		};
		check_bad_case(-EINVAL, self);
		self->c->op = GOCHAN_CASE_SEND;
		self->c->buf = (uintptr_t)&self->value;
		self->c->len = 8;
		check_bad_case(-EINVAL, self);
	}
	EXPECT_EQ(1, event_take(fds[1]));
}

TEST_F(bad_case, that_polls_what_cannot_be_waited_for)
{
	const int fds[] = {
		self->fd, self->map, gochan_dev,
		memfd_create("regular", MFD_CLOEXEC),
		open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		ASSERT_LE(0, fds[i]);
		*self->c = (struct gochan_select_case) {
			.op = GOCHAN_CASE_POLL,
			.fd = fds[i],
			.events = EPOLLIN,
		};
		check_bad_case(-EINVAL, self);
	}
}

TEST_F(bad_case, with_a_message_of_wrong_length)
{
	int varlen = new_chan(GOCHAN_CHAN_VARLEN, 8, 1);
	__u64 buf[2] = { 0 };

	*self->c = (struct gochan_select_case) {
		.op = GOCHAN_CASE_SEND,
		.fd = self->fd,
		.buf = (uintptr_t)buf,
	};
	self->c->len = 9;
	check_bad_case(-EMSGSIZE, self);
	self->c->len = UINT_MAX;
	check_bad_case(-EMSGSIZE, self);
	self->c->len = 7;
	check_bad_case(-EINVAL, self);
	self->c->len = 0;
	check_bad_case(-EINVAL, self);
	self->c->fd = varlen;
	self->c->len = 9;
	check_bad_case(-EMSGSIZE, self);
	check_info(varlen, 0, 0, 0, 0);
}

TEST_F(bad_case, with_too_little_room)
{
	int varlen = new_chan(GOCHAN_CHAN_VARLEN, 8, 1);

	/* Also where the message that is there would fit. */
	ASSERT_EQ(0, chan_try_send(varlen, &self->value, 2));
	self->c->buf = (uintptr_t)&self->value;
	self->c->len = 7;
	check_bad_case(-EMSGSIZE, self);
	self->c->len = 0;
	check_bad_case(-EMSGSIZE, self);
	self->c->fd = varlen;
	self->c->len = 7;
	check_bad_case(-EMSGSIZE, self);
	check_info(varlen, 1, 0, 0, 0);
}

/* With a length of 0, it would discard. */
TEST_F(bad_case, that_receives_to_address_0)
{
	int ret;

	self->c->len = 8;
	ret = try_select(self->s);
	EXPECT_TRUE(ret == -EINVAL || ret == -EFAULT);
	EXPECT_EQ(1, self->s->args.index);
	check_info(self->fd, 1, 0, 0, 0);
}

TEST_F(bad_case, fails_although_nothing_is_ready)
{
	int empty = new_chan(0, 8, 0);

	self->s->cases[0].fd = empty;
	self->s->cases[2].fd = empty;
	self->c->op = GOCHAN_CASE_SEND;
	self->c->buf = (uintptr_t)&self->value;
	self->c->len = 9;
	EXPECT_EQ(-EMSGSIZE, run_select_flags(self->s, 0, GOCHAN_NO_DEADLINE));
	EXPECT_EQ(1, self->s->args.index);
	check_info(empty, 0, 0, 0, 0);
}

/* Cases that are off. */

TEST(off_cases_are_never_ready)
{
	struct selection *s = selection_new();
	unsigned int i;

	for (i = 0; i < GOCHAN_SELECT_MAX; i++) {
		add_case(s, 1 + i % 3, -1);
		check_blame(-EAGAIN, GOCHAN_NO_CASE, s);
		EXPECT_EQ(-ETIMEDOUT, run_select_flags(s, 0, 0));
		EXPECT_EQ(GOCHAN_NO_CASE, s->args.index);
	}
}

TEST(off_cases_keep_their_index)
{
	struct selection *s = selection_new();
	int fd = new_chan(0, 8, 1);
	unsigned int i;

	for (i = 0; i < 10; i++)
		add_recv(s, -1);
	add_send(s, fd, 3);
	add_recv(s, -1);
	add_recv(s, fd);
	EXPECT_EQ(10, try_select(s));
	EXPECT_EQ(12, try_select(s));
	EXPECT_EQ(3, s->values[12]);
}

TEST_HARNESS_MAIN
