// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accounting: a thread starts, a thread stops.
 */
#include "bpf/sched/ctx.bpf.h"
#include "bpf/policy/deadline.h"

__hidden void running(struct task_struct *p)
{
	struct task_ctx *tc = task_ctx_of(p);
	struct cpu_ctx *cc = this_cpu_ctx();
	struct llc_ctx *llc = llc_ctx_of(cc->llc);
	u64 now = compat_now();

	cc->run_start_ns = now;
	if (!tc) {
		cc->lane = GS_LANE_NORMAL;
		return;
	}
	cc->lane = tc->lane;
	if (tc->lane != GS_LANE_FRAME)
		cc->others_served_ns = now;
	/* A thread that went straight to an idle CPU never got a key: bring its virtual time here now. */
	task_key(p, tc, cc->llc);
	if (gs_before(llc->now_v, tc->vtime))
		llc->now_v = tc->vtime;
}

__hidden void stopping(struct task_struct *p, bool runnable)
{
	struct task_ctx *tc = task_ctx_of(p);
	struct cpu_ctx *cc = this_cpu_ctx();
	u64 ran = compat_now() - cc->run_start_ns;

	cc->lane = GS_LANE_NONE;
	if (!tc)
		return;
	tc->vtime += gs_virtual(ran, p->scx.weight);
	tc->burst_ns += ran;
	if (runnable)
		return;
	tc->burst_avg_ns = gs_ewma4(tc->burst_avg_ns, tc->burst_ns);
	tc->burst_ns = 0;
	if (tc->game)
		path_thread_sleeps(tc);
}
