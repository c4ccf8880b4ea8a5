// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - random scripts, compared with a model
 *
 * A script is a sequence of operations on one channel. What may sleep is done
 * by one of a few actors, the rest by the main thread. After each step the test
 * waits until nothing moves any more, every actor being either idle or asleep
 * on the channel, and compares all there is to see with the model: results,
 * values, length, and who sleeps.
 *
 * The scripts of a run follow from its seed, which is printed; the module
 * parameter of that name, or GOCHAN_KUNIT_SEED at build time, replays it.
 */

#include <linux/completion.h>
#include <linux/prandom.h>
#include <linux/sched/signal.h>

#include "gochan_kunit.h"
#include "model.h"

#define SCRIPT_STEPS	64
#define SCRIPT_MAX_CAP	4

enum step_op {
	OP_TRY_SEND,
	OP_TRY_RECV,
	OP_SEND,
	OP_RECV,
	OP_CANCEL,
	OP_CLOSE,
};

static const char * const op_names[] = {
	[OP_TRY_SEND] = "try_send",
	[OP_TRY_RECV] = "try_recv",
	[OP_SEND] = "send",
	[OP_RECV] = "recv",
	[OP_CANCEL] = "cancel",
	[OP_CLOSE] = "close",
};

struct step {
	enum step_op op;
	unsigned int actor;
	u64 val;
};

/**
 * struct actor - a thread that does blocking operations when told to
 * @thread: the thread
 * @go: the main thread has set @ch and @step
 * @ready: the actor has answered
 * @ch: channel of the operation
 * @step: the operation
 * @val: value received
 * @ok: as received
 * @err: result
 */
struct actor {
	struct gct_thread *thread;
	struct completion go;
	struct completion ready;
	struct gochan *ch;
	struct step step;
	u64 val;
	bool ok;
	int err;
};

struct stage {
	struct gochan *ch;
	struct model model;
	struct rnd_state rnd;
	struct actor actors[MODEL_ACTORS];
	struct step steps[SCRIPT_STEPS];
	unsigned int step;
	u64 next_val;
};

static int actor_fn(struct gct_thread *thread)
{
	struct actor *a = thread->arg;

	for (;;) {
		/* The fixture's kill, or the answer to a cancel, ends this. */
		if (wait_for_completion_interruptible(&a->go)) {
			if (gct_stopping(thread))
				return 0;
			flush_signals(current);
			continue;
		}
		a->val = GCT_POISON_U64;
		if (a->step.op == OP_SEND) {
			a->err = gochan_send(a->ch, &a->step.val);
			a->val = a->step.val;
		} else {
			a->ok = !a->ok;
			a->err = gochan_recv(a->ch, &a->val, &a->ok);
		}
		flush_signals(current);
		complete(&a->ready);
	}
}

static u32 below(struct stage *stage, u32 limit)
{
	return prandom_u32_state(&stage->rnd) % limit;
}

/* An actor that is, or is not, asleep; from a random one on. */
static bool pick_actor(struct stage *stage, bool asleep, unsigned int *actor)
{
	unsigned int i, start = below(stage, MODEL_ACTORS);

	for (i = 0; i < MODEL_ACTORS; i++) {
		*actor = (start + i) % MODEL_ACTORS;
		if (stage->model.actors[*actor].asleep == asleep)
			return true;
	}
	return false;
}

/*
 * Mostly blocking operations, in spells of more sends and of more receives, so
 * that both queues grow long; now and then a cancel, seldom a close.
 */
static enum step_op pick_op(struct stage *stage)
{
	bool sends = (stage->step / 8 + below(stage, 3)) % 2;
	u32 dice = below(stage, 100);

	if (dice < 55)
		return sends ? OP_SEND : OP_RECV;
	if (dice < 85)
		return sends ? OP_TRY_SEND : OP_TRY_RECV;
	if (dice < 98)
		return OP_CANCEL;
	return OP_CLOSE;
}

static void pick_step(struct stage *stage, struct step *step)
{
	step->op = pick_op(stage);
	step->val = 0;
	step->actor = 0;
	if (step->op == OP_CANCEL && !pick_actor(stage, true, &step->actor))
		step->op = OP_RECV;
	if ((step->op == OP_SEND || step->op == OP_RECV) &&
	    !pick_actor(stage, false, &step->actor))
		step->op = step->op == OP_SEND ? OP_TRY_RECV : OP_TRY_SEND;
	if (step->op == OP_SEND || step->op == OP_TRY_SEND)
		step->val = ++stage->next_val;
}

static void print_script(struct kunit *test, struct stage *stage)
{
	unsigned int i;

	for (i = 0; i <= stage->step && i < SCRIPT_STEPS; i++)
		kunit_info(test, "step %u: %s actor %u value %llu", i,
			   op_names[stage->steps[i].op], stage->steps[i].actor,
			   stage->steps[i].val);
}

/* Results of the main thread's own operations. */
static bool expect_try_send(struct kunit *test, struct stage *stage, u64 val)
{
	int want = model_try_send(&stage->model, val);
	int err = gochan_try_send(stage->ch, &val);

	KUNIT_EXPECT_EQ(test, err, want);
	return err == want;
}

static bool expect_try_recv(struct kunit *test, struct stage *stage)
{
	u64 val = GCT_POISON_U64, want_val = GCT_POISON_U64;
	bool ok, want_ok;
	int want = model_try_recv(&stage->model, &want_val, &want_ok);
	int err;

	ok = !want_ok;
	err = gochan_try_recv(stage->ch, &val, &ok);
	KUNIT_EXPECT_EQ(test, err, want);
	KUNIT_EXPECT_EQ(test, val, want_val);
	if (!want)
		KUNIT_EXPECT_EQ(test, ok, want_ok);
	return err == want && val == want_val && (want || ok == want_ok);
}

static bool expect_close(struct kunit *test, struct stage *stage)
{
	int want = model_close(&stage->model);
	int err = gochan_close(stage->ch);

	KUNIT_EXPECT_EQ(test, err, want);
	return err == want;
}

static void start_actor(struct stage *stage, const struct step *step)
{
	struct actor *a = &stage->actors[step->actor];

	a->ch = stage->ch;
	a->step = *step;
	complete(&a->go);
}

static bool do_step(struct kunit *test, struct stage *stage,
		    const struct step *step)
{
	switch (step->op) {
	case OP_TRY_SEND:
		return expect_try_send(test, stage, step->val);
	case OP_TRY_RECV:
		return expect_try_recv(test, stage);
	case OP_CLOSE:
		return expect_close(test, stage);
	case OP_SEND:
		model_send(&stage->model, step->actor, step->val);
		start_actor(stage, step);
		return true;
	case OP_RECV:
		model_recv(&stage->model, step->actor);
		start_actor(stage, step);
		return true;
	case OP_CANCEL:
		model_cancel(&stage->model, step->actor);
		gct_signal(stage->actors[step->actor].thread, SIGUSR1);
		return true;
	}
	return false;
}

/* The actor has been sent on its way: wait for it, see what it got. */
static bool expect_answer(struct kunit *test, struct stage *stage,
			  unsigned int i)
{
	struct model_actor *want = &stage->model.actors[i];
	struct actor *a = &stage->actors[i];

	if (!wait_for_completion_timeout(&a->ready, gct_timeout())) {
		KUNIT_FAIL(test, "actor %u is still asleep", i);
		return false;
	}
	KUNIT_EXPECT_EQ_MSG(test, a->err, want->err, "actor %u", i);
	if (a->err != want->err)
		return false;
	if (want->err || want->sends)
		return true;
	KUNIT_EXPECT_EQ_MSG(test, a->val, want->val, "actor %u", i);
	KUNIT_EXPECT_EQ_MSG(test, a->ok, want->ok, "actor %u", i);
	return a->val == want->val && a->ok == want->ok;
}

static bool expect_same_state(struct kunit *test, struct stage *stage)
{
	struct model *m = &stage->model;
	struct gochan_stat st;
	unsigned int i;

	if (!gct_await_waiters(stage->ch, m->senders.nr, m->receivers.nr)) {
		gochan_stat(stage->ch, &st);
		KUNIT_EXPECT_EQ(test, st.senders, m->senders.nr);
		KUNIT_EXPECT_EQ(test, st.receivers, m->receivers.nr);
		return false;
	}
	for (i = 0; i < MODEL_ACTORS; i++) {
		if (!m->actors[i].asleep ||
		    !completion_done(&stage->actors[i].ready))
			continue;
		KUNIT_FAIL(test, "actor %u should still be asleep", i);
		return false;
	}
	gochan_stat(stage->ch, &st);
	KUNIT_EXPECT_EQ(test, st.len, m->len);
	KUNIT_EXPECT_EQ(test, st.closed, m->closed);
	KUNIT_EXPECT_EQ(test, gochan_len(stage->ch), (size_t)m->len);
	return st.len == m->len && st.closed == m->closed;
}

/* One step, until nothing moves; false on the first difference. */
static bool run_step(struct kunit *test, struct stage *stage,
		     const struct step *step)
{
	bool busy[MODEL_ACTORS];
	unsigned int i;

	for (i = 0; i < MODEL_ACTORS; i++)
		busy[i] = stage->model.actors[i].asleep;
	if (step->op == OP_SEND || step->op == OP_RECV)
		busy[step->actor] = true;

	if (!do_step(test, stage, step))
		return false;
	for (i = 0; i < MODEL_ACTORS; i++) {
		if (busy[i] && !stage->model.actors[i].asleep &&
		    !expect_answer(test, stage, i))
			return false;
	}
	return expect_same_state(test, stage);
}

/* Close, if the script has not, and take out what is left. */
static bool end_script(struct kunit *test, struct stage *stage)
{
	const struct step close = { .op = OP_CLOSE };
	const struct step recv = { .op = OP_TRY_RECV };
	bool same = true;

	if (!stage->model.closed)
		same = run_step(test, stage, &close);
	while (same && stage->model.len)
		same = run_step(test, stage, &recv);
	return same && run_step(test, stage, &recv);
}

static bool run_script(struct kunit *test, struct stage *stage)
{
	for (stage->step = 0; stage->step < SCRIPT_STEPS; stage->step++) {
		struct step *step = &stage->steps[stage->step];

		pick_step(stage, step);
		if (!run_step(test, stage, step))
			return false;
	}
	return end_script(test, stage);
}

static struct stage *stage_new(struct kunit *test)
{
	struct stage *stage = kunit_kzalloc(test, sizeof(*stage), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, stage);
	for (i = 0; i < MODEL_ACTORS; i++) {
		struct actor *a = &stage->actors[i];

		init_completion(&a->go);
		init_completion(&a->ready);
		a->thread = gct_start(test, actor_fn, a);
	}
	return stage;
}

static void scripts_behave_like_model(struct kunit *test)
{
	unsigned int i, scripts = gochan_scaled(300);
	struct stage *stage = stage_new(test);
	u64 seed = gochan_seed();

	kunit_info(test, "seed=%llu, %u scripts of %u steps", seed, scripts,
		   SCRIPT_STEPS);
	for (i = 0; i < scripts; i++) {
		unsigned int cap = i % (SCRIPT_MAX_CAP + 1);

		prandom_seed_state(&stage->rnd, seed + i);
		model_init(&stage->model, cap);
		stage->ch = gct_chan(test, sizeof(u64), cap);
		if (!run_script(test, stage)) {
			kunit_info(test, "seed=%llu, script %u, cap %u", seed,
				   i, cap);
			print_script(test, stage);
			return;
		}
		gct_put_now(test, stage->ch);
	}
}

static struct kunit_case model_cases[] = {
	KUNIT_CASE(scripts_behave_like_model),
	{}
};

struct kunit_suite gochan_model_suite = {
	.name = "gochan-model",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = model_cases,
};
