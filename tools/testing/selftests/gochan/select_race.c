// SPDX-License-Identifier: GPL-2.0
/*
 * GOCHAN_IOC_SELECT when everything happens at once: exactly one case wins, and
 * what has not won is where it was. Counts are exact; the random numbers have a
 * fixed seed, which is printed.
 */

#include "poll_test.h"
#include "select_test.h"

/* Stress takes its time, above all where two processors are emulated. */
#define STRESS_TIMEOUT	100

#define SEED		0x676f6368616eULL

static __u64 random_state = SEED;

static __u64 next_random(void)
{
	/* xorshift64 */
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* An eventfd against a channel, for one select. */

/**
 * struct duel - what the processes of one race share
 * @round: the round that has begun
 * @over: the round whose select has returned
 * @done: rounds that each of the two has done its part in
 * @fd: the channel
 * @event: the eventfd
 * @rounds: how many there are
 */
struct duel {
	unsigned int round;
	unsigned int over;
	unsigned int done[2];
	int fd;
	int event;
	unsigned int rounds;
};

static struct duel *duel;

static unsigned int load(unsigned int *p)
{
	return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}

static void store(unsigned int *p, unsigned int value)
{
	__atomic_store_n(p, value, __ATOMIC_SEQ_CST);
}

/* Wait for the round, in odd ones until the select sleeps or has returned. */
static bool duel_begins(unsigned int round)
{
	if (!wait_for(load(&duel->round) >= round))
		return false;
	return round % 2 == 0 ||
	       wait_for(has_waiters(duel->fd, 0, 1) ||
			load(&duel->over) >= round);
}

static int peer_duel_sender(struct peer *peer)
{
	unsigned int round;
	int ret;

	for (round = 1; round <= duel->rounds; round++) {
		if (!duel_begins(round))
			return PEER_FAILED;
		ret = send_u64(peer->fd, round);
		if (ret)
			return ret;
		store(&duel->done[0], round);
	}
	return 0;
}

static int peer_duel_signaller(struct peer *peer)
{
	unsigned int round;

	for (round = 1; round <= duel->rounds; round++) {
		if (!duel_begins(round))
			return PEER_FAILED;
		if (event_signal(peer->fd) != 8)
			return PEER_FAILED;
		store(&duel->done[1], round);
	}
	return 0;
}

FIXTURE(duel) {
	struct selection *s;
};

FIXTURE_VARIANT(duel) {
	__u32 capacity;
};

FIXTURE_VARIANT_ADD(duel, unbuffered) {
	.capacity = 0,
};

FIXTURE_VARIANT_ADD(duel, buffered) {
	.capacity = 1,
};

FIXTURE_SETUP(duel)
{
	duel = shared_alloc(sizeof(*duel));
	duel->fd = new_chan(0, 8, variant->capacity);
	duel->event = new_event(0);
	duel->rounds = scaled(2000, 100);
	self->s = selection_new();
	add_recv(self->s, duel->fd);
	add_poll(self->s, duel->event, EPOLLIN);
}

FIXTURE_TEARDOWN(duel)
{
	close(duel->event);
	close(duel->fd);
}

TEST_F_TIMEOUT(duel, has_one_winner_and_the_loser_keeps_its_own, STRESS_TIMEOUT)
{
	unsigned int round, wins[2] = { 0 };
	struct peer *sender, *signaller;
	__u64 value;
	int winner;

	sender = peer_start(peer_duel_sender, duel->fd, 0);
	signaller = peer_start(peer_duel_signaller, duel->event, 0);
	for (round = 1; round <= duel->rounds; round++) {
		store(&duel->round, round);
		self->s->cases[1].events = EPOLLIN;
		winner = run_select(self->s);
		store(&duel->over, round);
		ASSERT_TRUE(winner == 0 || winner == 1);
		wins[winner]++;
		value = self->s->values[0];
		/* The message has not come with the report of the eventfd. */
		if (winner == 1)
			ASSERT_EQ(1, recv_u64(duel->fd, &value));
		ASSERT_EQ(round, value);
		ASSERT_TRUE(wait_for(load(&duel->done[0]) == round &&
				     load(&duel->done[1]) == round));
		/* The eventfd was reported or not: it was not read. */
		ASSERT_EQ(1, event_take(duel->event));
		check_info(duel->fd, 0, 0, 0, 0);
	}
	EXPECT_EQ(0, peer_join(sender));
	EXPECT_EQ(0, peer_join(signaller));
	TH_LOG("channel %u, eventfd %u", wins[0], wins[1]);
}

/* A file that is ready, and no longer so before the select has run. */

/* Before a process that it wakes on its own processor gets to run. */
static bool run_first(pid_t other)
{
	struct sched_param param = { .sched_priority = 1 };
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	return !sched_setaffinity(0, sizeof(cpus), &cpus) &&
	       !sched_setaffinity(other, sizeof(cpus), &cpus) &&
	       !sched_setscheduler(0, SCHED_FIFO, &param);
}

TEST(event_that_is_taken_back_loses_no_message)
{
	unsigned int rounds = scaled(300, 50), round, seen = 0;
	int fd = new_chan(0, 8, 1), event = new_event(0);
	struct selection *s = selection_new();
	__u64 value;

	for (round = 0; round < rounds; round++) {
		struct peer *peer;
		int ret;

		selection_reset(s);
		add_poll(s, event, EPOLLIN);
		add_recv(s, fd);
		peer = selection_start(s);
		await_waiters(fd, 0, 1);
		/* Without the privilege it is a race, which is as good. */
		run_first(peer->pid);
		ASSERT_EQ(8, event_signal(event));
		ASSERT_EQ(1, event_take(event));
		ASSERT_EQ(0, try_send_u64(fd, round));
		ret = peer_join(peer);
		ASSERT_TRUE(ret == 0 || ret == 1);
		seen += !ret;
		value = s->values[1];
		if (!ret)
			ASSERT_EQ(1, try_recv_u64(fd, &value));
		ASSERT_EQ(round, value);
		check_info(fd, 0, 0, 0, 0);
		munmap(peer, SHARED_MIN);
	}
	TH_LOG("reported %u of %u", seen, rounds);
}

/*
 * Plain and selecting processes on four channels. Each value arrives once; of
 * one sender, one receiver and one channel, in order.
 */

#define CHANNELS	4
#define SENDERS		6	/* 2 plain, 4 traders */
#define RECEIVERS	6

struct book {
	int fds[CHANNELS];
	int event;
	__u64 per_sender;
	__u64 signalled;
	__u64 heard;
	__u64 taken;
	__u64 doubled;
	__u64 foreign;
	__u64 disordered;
	unsigned int finished;
	unsigned char seen[];
};

static struct book *book;

static void count_up(__u64 *counter, __u64 n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_SEQ_CST);
}

/* In the upper half, whose value it is; in the lower, its number there. */
static __u64 value_of(unsigned int sender, __u64 number)
{
	return (__u64)sender << 32 | number;
}

/* @last: of each sender, what this receiver had from the channel, plus one. */
static void enter(__u64 value, __u64 *last)
{
	__u64 sender = value >> 32, number = (__u32)value;

	if (sender >= SENDERS || number >= book->per_sender) {
		count_up(&book->foreign, 1);
		return;
	}
	if (__atomic_exchange_n(&book->seen[sender * book->per_sender + number],
				1, __ATOMIC_RELAXED))
		count_up(&book->doubled, 1);
	if (number < last[sender])
		count_up(&book->disordered, 1);
	last[sender] = number + 1;
	count_up(&book->taken, 1);
}

static void finish_sending(void)
{
	__atomic_fetch_add(&book->finished, 1, __ATOMIC_SEQ_CST);
}

/* In: @value: number of the sender. */
static int peer_plain_sender(struct peer *peer)
{
	__u64 i;
	int ret;

	for (i = 0; i < book->per_sender; i++) {
		ret = send_u64(peer->fd, value_of(peer->value, i));
		if (ret)
			return ret;
		/* News for the trader that listens. */
		if (i % 16 == 0) {
			count_up(&book->signalled, 1);
			if (event_signal(book->event) != 8)
				return PEER_FAILED;
		}
	}
	finish_sending();
	return 0;
}

static int peer_plain_receiver(struct peer *peer)
{
	__u64 last[SENDERS] = { 0 }, value;
	int ret;

	while ((ret = recv_u64(peer->fd, &value)) == 1)
		enter(value, last);
	return ret;
}

/*
 * A trader offers its next value to all channels and asks all of them for one,
 * in the same select, until it has sent all and all channels are closed.
 */

enum habit {
	PATIENT,	/* waits for ever */
	HASTY,		/* with deadlines that often pass */
	ORDERLY,	/* takes the first that is ready */
	LISTENING,	/* also hears an eventfd */
};

#define FIRST_RECV	CHANNELS
#define LISTEN		(2 * CHANNELS)

static void trader_set_up(struct selection *s, enum habit habit)
{
	int i;

	for (i = 0; i < CHANNELS; i++)
		add_send(s, book->fds[i], 0);
	for (i = 0; i < CHANNELS; i++)
		add_recv(s, book->fds[i]);
	if (habit == LISTENING)
		add_poll(s, book->event, EPOLLIN);
	if (habit == ORDERLY)
		s->args.flags = GOCHAN_SELECT_FIRST;
}

static void trader_offer(struct selection *s, unsigned int trader, __u64 i)
{
	int c;

	for (c = 0; c < CHANNELS; c++) {
		s->values[c] = value_of(trader, i);
		if (i == book->per_sender)
			s->cases[c].fd = -1;
	}
	if (i == book->per_sender)
		finish_sending();
}

/* Returns whether there are channels left to receive from. */
static bool trader_receive(struct selection *s, int index,
			   __u64 last[][SENDERS])
{
	int i;

	if (s->cases[index].ok)
		enter(s->values[index], last[index - FIRST_RECV]);
	else
		s->cases[index].fd = -1;
	for (i = FIRST_RECV; i < LISTEN; i++) {
		if (s->cases[i].fd >= 0)
			return true;
	}
	return false;
}

/* In: @value: number of the sender; @count: its habit. */
static int peer_trader(struct peer *peer)
{
	__u64 last[CHANNELS][SENDERS] = { 0 }, sent = 0;
	struct selection *s = selection_new();
	enum habit habit = peer->count;
	int ret;

	trader_set_up(s, habit);
	trader_offer(s, peer->value, 0);
	for (;;) {
		if (habit == HASTY)
			s->args.deadline = now_ns(CLOCK_MONOTONIC) +
					   next_random() % 50000;
		ret = run_select(s);
		if (ret == -ETIMEDOUT)
			continue;
		if (ret < 0)
			return ret;
		if (ret < FIRST_RECV) {
			trader_offer(s, peer->value, ++sent);
		} else if (ret < LISTEN) {
			if (!trader_receive(s, ret, last))
				return 0;
		} else {
			/* It alone reads: what is reported must be there. */
			__u64 news = event_take(book->event);

			if (!news)
				return PEER_FAILED;
			count_up(&book->heard, news);
			s->cases[ret].events = EPOLLIN;
		}
	}
}

static __u64 book_seen(void)
{
	__u64 i, n = 0;

	for (i = 0; i < SENDERS * book->per_sender; i++)
		n += book->seen[i];
	return n;
}

static struct book *book_new(__u64 per_sender)
{
	static const __u32 capacities[CHANNELS] = { 0, 0, 2, 3 };
	struct book *b = shared_alloc(sizeof(*b) + SENDERS * per_sender);
	int i;

	b->per_sender = per_sender;
	b->event = event_new(0);
	for (i = 0; i < CHANNELS; i++)
		b->fds[i] = chan_create(0, 8, capacities[i]);
	return b;
}

FIXTURE(market) {
};

/* Which channels the plain processes are on, and the traders' habits. */
FIXTURE_VARIANT(market) {
	int senders[2];
	int receivers[2];
	enum habit habits[4];
};

FIXTURE_VARIANT_ADD(market, of_patient_traders) {
	.senders = { 0, 2 },
	.receivers = { 1, 3 },
	.habits = { PATIENT, PATIENT, PATIENT, PATIENT },
};

FIXTURE_VARIANT_ADD(market, of_all_kinds) {
	.senders = { 0, 3 },
	.receivers = { 0, 2 },
	.habits = { PATIENT, HASTY, ORDERLY, LISTENING },
};

FIXTURE_SETUP(market)
{
	book = book_new(scaled(1500, 100));
	ASSERT_LE(0, book->fds[CHANNELS - 1]);
}

FIXTURE_TEARDOWN(market)
{
}

TEST_F_TIMEOUT(market, loses_and_doubles_nothing, STRESS_TIMEOUT)
{
	struct peer *peers[8];
	int i;

	TH_LOG("seed %#llx", (unsigned long long)SEED);
	for (i = 0; i < 2; i++) {
		peers[i] = peer_start(peer_plain_receiver,
				      book->fds[variant->receivers[i]], 0);
		peers[2 + i] = peer_start(peer_plain_sender,
					  book->fds[variant->senders[i]], i);
	}
	for (i = 0; i < 4; i++) {
		peers[4 + i] = peer_new(gochan_dev, 2 + i);
		peers[4 + i]->count = variant->habits[i];
		random_state = SEED + i;
		peer_fork(peers[4 + i], peer_trader);
	}
	while (load(&book->finished) < SENDERS)
		poll(NULL, 0, 1);
	for (i = 0; i < CHANNELS; i++)
		EXPECT_EQ(0, chan_close(book->fds[i]));
	for (i = 0; i < 8; i++)
		EXPECT_EQ(0, peer_join(peers[i]));
	EXPECT_EQ(SENDERS * book->per_sender, book->taken);
	EXPECT_EQ(SENDERS * book->per_sender, book_seen());
	EXPECT_EQ(0, book->doubled);
	EXPECT_EQ(0, book->foreign);
	EXPECT_EQ(0, book->disordered);
	EXPECT_EQ(book->signalled, book->heard + event_take(book->event));
	for (i = 0; i < CHANNELS; i++)
		check_info(book->fds[i], 0, 1, 0, 0);
}

/*
 * Selects that are killed at any moment, and replaced. What was handed to one
 * that died before it could write it down is gone: one message a kill at most.
 */

static int peer_select_receiver(struct peer *peer)
{
	__u64 last[CHANNELS][SENDERS] = { 0 };
	struct selection *s = selection_new();
	int open = CHANNELS, i, ret;

	for (i = 0; i < CHANNELS; i++)
		add_recv(s, book->fds[i]);
	add_poll(s, peer->fd, EPOLLIN);
	while (open) {
		ret = run_select(s);
		if (ret < 0 || ret == CHANNELS)
			return PEER_FAILED;
		if (s->cases[ret].ok) {
			enter(s->values[ret], last[ret]);
		} else {
			s->cases[ret].fd = -1;
			open--;
		}
	}
	return 0;
}

static __u64 taken_now(void)
{
	return __atomic_load_n(&book->taken, __ATOMIC_SEQ_CST);
}

FIXTURE(killing) {
	int never;
};

FIXTURE_SETUP(killing)
{
	self->never = new_event(0);
	book = book_new(scaled(4000, 400));
	ASSERT_LE(0, book->fds[CHANNELS - 1]);
}

FIXTURE_TEARDOWN(killing)
{
	/* Whatever waited for it has taken its watches along. */
	EXPECT_EQ(8, event_signal(self->never));
	close(self->never);
}

TEST_F_TIMEOUT(killing, of_selects_costs_a_message_each_at_most, STRESS_TIMEOUT)
{
	unsigned int kills = scaled(60, 10), n, i;
	struct peer *senders[2], *receivers[4];
	int never = self->never;
	__u64 total, next;

	total = 2 * book->per_sender;
	TH_LOG("seed %#llx", (unsigned long long)SEED);
	for (i = 0; i < 4; i++)
		receivers[i] = peer_start(peer_select_receiver, never, 0);
	for (i = 0; i < 2; i++)
		senders[i] = peer_start(peer_plain_sender, book->fds[2 * i], i);

	for (n = 0; n < kills; n++) {
		/* Spread over the run, at noisy distances. */
		next = total / (kills + 2) * n + next_random() % 16;
		ASSERT_TRUE(wait_for(taken_now() >= next));
		i = next_random() % 4;
		ASSERT_EQ(PEER_KILLED(SIGKILL), peer_kill(receivers[i]));
		receivers[i] = peer_start(peer_select_receiver, never, 0);
	}

	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, peer_join(senders[i]));
	for (i = 0; i < CHANNELS; i++)
		EXPECT_EQ(0, chan_close(book->fds[i]));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(0, peer_join(receivers[i]));
	EXPECT_LE(total - kills, book_seen());
	EXPECT_GE(total, book_seen());
	EXPECT_EQ(0, book->doubled);
	EXPECT_EQ(0, book->foreign);
	EXPECT_EQ(0, book->disordered);
	for (i = 0; i < CHANNELS; i++)
		check_info(book->fds[i], 0, 1, 0, 0);
}

TEST_HARNESS_MAIN
