// SPDX-License-Identifier: GPL-2.0
/*
 * The examples of README and the user-space page, run as they stand: each is
 * included as scripts/extract-examples.py takes it from the documentation, and
 * here is what it leaves out. The results that it states in comments have become
 * EXAMPLE_EXPECT() and EXAMPLE_PRINTS().
 */

#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "gochan_test.h"

/* What an example has done, in whatever process. */
struct outcome {
	int wrong;
	size_t len;
	char printed[256];
};

static struct outcome *outcome;

static int example_print(const char *fmt, ...)
{
	size_t room = sizeof(outcome->printed) - outcome->len;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(outcome->printed + outcome->len, room, fmt, args);
	va_end(args);
	if ((size_t)len >= room)
		abort();
	outcome->len += len;
	return len;
}

static void example_expect(bool held, const char *what, const char *file,
			   int line)
{
	if (held)
		return;
	fprintf(stderr, "# %s:%d: not so: %s\n", file, line, what);
	__atomic_fetch_add(&outcome->wrong, 1, __ATOMIC_SEQ_CST);
}

/* Do the words agree, whatever the white space? What was printed is used up. */
static bool example_printed(const char *want)
{
	char *save, *word;
	size_t len;

	/* What was compared before is still there. */
	outcome->printed[outcome->len] = '\0';
	outcome->len = 0;
	word = strtok_r(outcome->printed, "\n ", &save);
	for (; word; word = strtok_r(NULL, "\n ", &save)) {
		len = strlen(word);
		if (strncmp(want, word, len) || (want[len] && want[len] != ' '))
			return false;
		want += len + !!want[len];
	}
	return !*want;
}

/* The real one is there for its check of the format. */
#define printf(...) \
	(0 ? (printf)(__VA_ARGS__) : example_print(__VA_ARGS__))

#define EXAMPLE_EXPECT(condition) \
	example_expect(condition, #condition, __FILE__, __LINE__)
#define EXAMPLE_PRINTS(want)	EXAMPLE_EXPECT(example_printed(want))

FIXTURE(examples) {
	int dev;
};

FIXTURE_SETUP(examples)
{
	self->dev = gochan_dev;
	outcome = shared_alloc(sizeof(*outcome));
}

FIXTURE_TEARDOWN(examples)
{
	EXPECT_EQ(0, outcome->wrong);
}

/* README.md */

#define main ten_lines
#include "ten-lines.inc"
#undef main

static int run_ten_lines(struct peer *peer)
{
	(void)peer;
	exit(ten_lines());
}

TEST_F(examples, ten_lines)
{
	struct peer *peer = peer_new(-1, 0);

	/* It ends in exit(), in both of its processes. */
	peer_fork(peer, run_ten_lines);
	EXPECT_EQ(PEER_NO_RESULT, peer_join(peer));
	EXPECT_EQ(0, outcome->len);
}

TEST_F(examples, results_or_stop)
{
	int ch = chan_create(0, sizeof(__u64), 1);
	int stop = chan_create(0, 0, 0);
	int timerfd = timerfd_create(CLOCK_MONOTONIC, 0);
	int dev = self->dev;
	__u64 v = 0;

	ASSERT_LE(0, timerfd);
	ASSERT_EQ(0, send_u64(ch, 42));
	{
#include "results-or-stop.inc"
	}
}

/* Documentation/userspace-api/gochan.rst */

TEST_F(examples, user_message)
{
	int dev = self->dev, err;
	__u64 v;

#include "user-message.inc"
}

static int use(__u64 result)
{
	return result;
}

static int stop_working(void)
{
	return 1;
}

static int select_one(int dev, int results, int stop, int timerfd)
{
	__u64 result = 0, expired;

#include "user-select.inc"
}

TEST_F(examples, user_select)
{
	struct itimerspec at_once = { .it_value.tv_nsec = 1 };
	int results = chan_create(0, sizeof(__u64), 1);
	int stop = chan_create(0, 0, 0);
	int timerfd = timerfd_create(CLOCK_MONOTONIC, 0);
	int impatient = open(GOCHAN_DEVICE, O_RDWR | O_NONBLOCK);

	ASSERT_LE(0, timerfd);
	EXPECT_EQ(-EAGAIN, select_one(impatient, results, stop, timerfd));
	ASSERT_EQ(0, send_u64(results, 42));
	EXPECT_EQ(42, select_one(self->dev, results, stop, timerfd));
	ASSERT_EQ(0, timerfd_settime(timerfd, 0, &at_once, NULL));
	EXPECT_EQ(8, select_one(self->dev, results, stop, timerfd));
	ASSERT_EQ(0, chan_close(stop));
	EXPECT_EQ(1, select_one(self->dev, results, stop, timerfd));
}

TEST_F(examples, user_autoclose)
{
	int dev = self->dev;
	ssize_t n;
	__u64 v;

#include "user-autoclose.inc"
}

TEST_F(examples, user_map)
{
	int dev = self->dev, err;
	__u64 key, value;

#include "user-map.inc"
}

#include "user-iterate.inc"

TEST_F(examples, user_iterate)
{
	struct gochan_map_create create = {
		.size = sizeof(create),
		.key_size = sizeof(__u64),
		.value_size = sizeof(__u64),
	};
	int map = chan_ioctl(self->dev, GOCHAN_IOC_MAP_CREATE, &create);
	__u64 key = 6, value = 42;
	struct gochan_map_entry entry = {
		.size = sizeof(entry),
		.key = (uintptr_t)&key,
		.key_len = sizeof(key),
		.value = (uintptr_t)&value,
		.value_len = sizeof(value),
	};

	ASSERT_EQ(0, chan_ioctl(map, GOCHAN_IOC_MAP_PUT, &entry));
	EXPECT_EQ(0, print_all(map));
	EXAMPLE_PRINTS("6: 42");
	EXPECT_EQ(-1, print_all(self->dev));
}

TEST_HARNESS_MAIN
