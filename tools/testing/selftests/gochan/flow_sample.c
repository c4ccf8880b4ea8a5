// SPDX-License-Identifier: GPL-2.0
/*
 * The sample that counts flows: channels, a select, a timer, a map and slices
 * in one kernel module, from loading to unloading.
 */

#include "gochan_test.h"

#include <sys/syscall.h>

#define FLOWS_MODULE	"/modules/gochan_flows.ko"
#define FLOWS_NAME	"gochan_flows"
#define FLOWS_REPORT	"/sys/kernel/debug/gochan_flows"

/* Small enough for an emulated kernel to come to its end soon. */
#define PACKETS		20000U
#define FLOWS		300U

struct report {
	char text[4096];
};

static int flows_load(const char *params)
{
	int fd = open(FLOWS_MODULE, O_RDONLY | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = syscall(SYS_finit_module, fd, params, 0) ? -errno : 0;
	close(fd);
	return err;
}

static int flows_unload(void)
{
	return syscall(SYS_delete_module, FLOWS_NAME, O_NONBLOCK) ? -errno : 0;
}

/* How many use the core: what a load takes an unload must give back. */
static int core_users(void)
{
	FILE *f = fopen("/proc/modules", "re");
	char line[512];
	int users = -1;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "gochan_core %*u %d", &users) == 1)
			break;
	if (f)
		fclose(f);
	return users;
}

static bool report_read(struct report *r)
{
	int fd = open(FLOWS_REPORT, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return false;
	len = read(fd, r->text, sizeof(r->text) - 1);
	close(fd);
	r->text[len < 0 ? 0 : len] = '\0';
	return len > 0;
}

/* The number in the line that begins with @name; ~0 if there is none. */
static __u64 value(const struct report *r, const char *name)
{
	size_t len = strlen(name);
	const char *line = r->text;

	while (line) {
		if (!strncmp(line, name, len) && line[len] == ' ')
			return strtoull(line + len, NULL, 10);
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return ~0ULL;
}

static bool at_least(const struct report *r, const char *name, __u64 n)
{
	__u64 found = value(r, name);

	return found != ~0ULL && found >= n;
}

static bool is_done(struct report *r)
{
	return report_read(r) && strstr(r->text, "state done\n");
}

static const char *top(const struct report *r)
{
	return strstr(r->text, "\ntop ") ?: "";
}

static unsigned int count_top(const struct report *r)
{
	const char *line = r->text;
	unsigned int n = 0;

	while ((line = strstr(line, "\ntop "))) {
		line++;
		n++;
	}
	return n;
}

/* The kernel log from here on. */
static int log_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

struct sums {
	unsigned long long sent, live, live_flows, expired, expired_flows, lost;
};

/* What the module wrote there when it summed up. */
static bool log_sums(int fd, struct sums *s)
{
	char line[1024];
	const char *at;
	ssize_t len;

	for (;;) {
		len = read(fd, line, sizeof(line) - 1);
		if (len < 0 && errno == EPIPE)
			continue;
		if (len <= 0)
			return false;
		line[len] = '\0';
		at = strstr(line, FLOWS_NAME ": ");
		if (at && sscanf(at, FLOWS_NAME
				 ": %llu packets: %llu in %llu live flows, %llu in %llu expired ones, %llu lost",
				 &s->sent, &s->live, &s->live_flows,
				 &s->expired, &s->expired_flows,
				 &s->lost) == 6)
			return true;
	}
}

FIXTURE(flows) {
	int users;
	int log;
};

FIXTURE_SETUP(flows)
{
	if (access(FLOWS_MODULE, R_OK))
		SKIP(return, "there is no " FLOWS_MODULE);
	if (access("/sys/kernel/debug/.", R_OK | X_OK) || geteuid())
		SKIP(return, "needs root and debugfs");
	self->users = core_users();
	ASSERT_LE(0, self->users);
	self->log = log_open();
	ASSERT_LE(0, self->log);
}

FIXTURE_TEARDOWN(flows)
{
	flows_unload();
	EXPECT_EQ(self->users, core_users());
	EXPECT_NE(0, access(FLOWS_REPORT, F_OK));
	close(self->log);
}

/* A whole run with these parameters; the module stays. */
#define run_all(r, params)						\
	do {								\
		ASSERT_EQ(0, flows_load(params));			\
		ASSERT_TRUE(wait_for(is_done(r)));			\
	} while (0)

TEST_F(flows, every_packet_is_counted)
{
	struct report r;
	struct sums s;

	run_all(&r, "packets=20000 flows=300 idle_ms=20");
	EXPECT_EQ(PACKETS, value(&r, "sent"));
	EXPECT_EQ(0, value(&r, "lost"));
	/* It ended because the last flow had expired. */
	EXPECT_EQ(0, value(&r, "live_flows"));
	EXPECT_EQ(0, value(&r, "live_packets"));
	EXPECT_EQ(PACKETS, value(&r, "expired_packets"));
	EXPECT_LE(64ULL * PACKETS, value(&r, "expired_bytes"));
	EXPECT_GE(1500ULL * PACKETS, value(&r, "expired_bytes"));
	EXPECT_LT(FLOWS / 2, value(&r, "flows"));
	EXPECT_GE(FLOWS, value(&r, "flows"));
	EXPECT_LE(value(&r, "flows"), value(&r, "expired_flows"));
	EXPECT_EQ(10, count_top(&r));
	/* The same in the log. */
	ASSERT_TRUE(log_sums(self->log, &s));
	EXPECT_EQ(PACKETS, s.sent);
	EXPECT_EQ(PACKETS, s.expired);
	EXPECT_EQ(value(&r, "expired_flows"), s.expired_flows);
	EXPECT_EQ(0, s.live + s.live_flows + s.lost);
	EXPECT_EQ(0, flows_unload());
}

/* Whenever the flows expire. */
TEST_F(flows, sums_follow_from_the_seed)
{
	struct report a, b, other;

	run_all(&a, "packets=20000 flows=300 idle_ms=4 seed=7");
	ASSERT_EQ(0, flows_unload());
	run_all(&b, "packets=20000 flows=300 idle_ms=200 seed=7");
	ASSERT_EQ(0, flows_unload());
	run_all(&other, "packets=20000 flows=300 idle_ms=20 seed=8");
	EXPECT_EQ(value(&a, "expired_bytes"), value(&b, "expired_bytes"));
	EXPECT_EQ(value(&a, "flows"), value(&b, "flows"));
	EXPECT_STREQ(top(&a), top(&b));
	EXPECT_NE(value(&a, "expired_bytes"), value(&other, "expired_bytes"));
	EXPECT_STRNE(top(&a), top(&other));
}

TEST_F(flows, one_flow_and_one_packet)
{
	struct report r;

	run_all(&r, "packets=1 flows=1 idle_ms=1");
	EXPECT_EQ(1, value(&r, "sent"));
	EXPECT_EQ(1, value(&r, "expired_flows"));
	EXPECT_EQ(1, value(&r, "expired_packets"));
	EXPECT_EQ(1, count_top(&r));
}

TEST_F(flows, full_table_loses_packets_and_says_so)
{
	struct report r;

	run_all(&r, "packets=20000 flows=300 max_live=5 idle_ms=20");
	EXPECT_EQ(PACKETS, value(&r, "sent"));
	EXPECT_LT(0, value(&r, "lost"));
	EXPECT_GT(PACKETS, value(&r, "lost"));
	EXPECT_EQ(PACKETS, value(&r, "lost") + value(&r, "expired_packets"));
}

TEST_F(flows, bad_parameters_are_refused)
{
	static const char * const bad[] = {
		"flows=0", "flows=65537", "flows=-1", "max_live=0", "idle_ms=0",
		"idle_ms=3600001", "packets=many",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, flows_load(bad[i]));
}

/* Few flows have most packets: the others expire while packets still come. */
TEST_F(flows, flows_expire_while_packets_arrive)
{
	struct report r;

	ASSERT_EQ(0, flows_load("packets=0 flows=65536 idle_ms=4"));
	EXPECT_TRUE(wait_for(report_read(&r) &&
			     at_least(&r, "expired_flows", 101) &&
			     at_least(&r, "live_flows", 1)));
	EXPECT_TRUE(strstr(r.text, "state running\n"));
	EXPECT_EQ(0, flows_unload());
}

/* From nearly at once to in full swing. */
TEST_F(flows, unload_at_any_moment)
{
	unsigned int i, n = scaled(40, 8);
	struct report r;
	struct sums s;

	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, flows_load("packets=0 flows=5000 idle_ms=2"));
		ASSERT_TRUE(wait_for(report_read(&r) &&
				     at_least(&r, "sent", i * i)));
		ASSERT_EQ(0, flows_unload());
		ASSERT_TRUE(log_sums(self->log, &s));
		EXPECT_LE(value(&r, "sent"), s.sent);
		EXPECT_EQ(s.sent, s.live + s.expired + s.lost);
		EXPECT_EQ(0, s.lost);
		EXPECT_EQ(!s.live, !s.live_flows);
		EXPECT_EQ(!s.expired, !s.expired_flows);
	}
}

TEST_F(flows, reader_keeps_the_module)
{
	struct report r;
	int fd;

	run_all(&r, "packets=100 flows=3 idle_ms=1");
	fd = open(FLOWS_REPORT, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EWOULDBLOCK, flows_unload());
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, flows_unload());
	EXPECT_EQ(-ENOENT, flows_unload());
}

TEST_HARNESS_MAIN
