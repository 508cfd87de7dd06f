/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/nat.h"
#include "rescue/cloud.h"
#include "rescue/net_deeds.h"
#include "rescue/net_fix.h"

enum {
	SSH_PORT = 22,
	LOOKS = 8,
	TICK_MS = 1000,
	LOOK_S = 60 /* what the client takes for a call */
};

static int parse_role(const struct options *options, enum net_role *ret, struct err *err)
{
	if (!options->role)
		*ret = NET_ROLE_HOST;
	else if (str_eq(options->role, "nat"))
		*ret = NET_ROLE_NAT;
	else if (str_eq(options->role, "mtu"))
		*ret = NET_ROLE_MTU;
	else
		return err_set(err, ERR_USAGE, "--role %s: there are \"nat\" and \"mtu\"",
			       options->role);
	return 0;
}

static int find_instance(struct net *net, struct err *err)
{
	const char *ids[] = { net->id.s };
	struct ec2_op op = { 0 };

	net->instance = NULL;
	net->path.interface = NULL; /* it was of the reply that goes now */
	ec2_instances_done(&net->instances);
	ec2_describe_instances(net->ec2, &(struct ec2_describe){ .ids = ids, .id_count = 1 },
			       &net->instances, &op);
	if (ec2_wait(net->ec2, &op, err) < 0)
		return -1;
	vec_foreach (i, &net->instances)
		if (id_eq(&i->id, &net->id))
			net->instance = i;
	if (!net->instance || ec2_instance_is_gone(net->instance))
		return err_set(err, ERR_NOTFOUND, "there is no instance %s in %s", net->id.s,
			       ec2_region(net->ec2));
	if (!net->instance->vpc)
		return err_set(err, ERR_UNSUPPORTED,
			       "%s is in no VPC, so nothing of the kind can be said", net->id.s);
	return 0;
}

static void look(struct net *net)
{
	static const unsigned kinds[] = {
		[NET_ROLE_HOST] = NET_ALL & ~(1u << NET_SUBNETS),
		[NET_ROLE_NAT] = NET_ALL,
		[NET_ROLE_MTU] = 1u << NET_SUBNETS | 1u << NET_VPCS | 1u << NET_TABLES |
				 1u << NET_ACLS | 1u << NET_GROUPS,
	};
	const struct net_ask ask = { .instances = &net->instance,
				     .count = 1,
				     .kinds = kinds[net->role] };

	net_look_start(net->ec2, &ask, &net->look);
	net_sender_wait(net);
	if (net->has_from && net->role == NET_ROLE_HOST)
		net_look_sender(net->ec2, &net->flow.from, &net->look);
	net_look_wait(net->ec2, &net->look);
}

/* It stands for the internet where no address of it is known. Source: RFC 5737. */
static void answer_nat(struct net *net)
{
	struct ip outside = net->flow.from;

	if (!net->has_from || outside.is_v6 || net_is_private(&outside))
		(void)!ip_parse("198.51.100.1", &outside);
	net->look.world.instance = net->instance;
	net_nat_judge(&net->look.world, &outside, &net->path);
	net_host_list(net);
}

static int answer(struct net *net, struct err *err)
{
	net_path_done(&net->path);
	if (net->role == NET_ROLE_NAT) {
		answer_nat(net);
	} else if (net->role == NET_ROLE_MTU) {
		net_answer_mtu(net);
	} else if (!net->has_from) {
		*err = net->why_no_from;
		return -1;
	} else {
		net_look_walk(net->ec2, &net->look, net->instance, &net->flow, &net->path);
		net_host_add(net);
	}
	net_path_judge(&net->path);
	return 0;
}

/* Elapsed time, while replies are out. */
static void tick(void *arg)
{
	struct net *net = arg;

	report_tick(net->report);
	loop_timer(net->loop, loop_now_ms(net->loop) + TICK_MS, tick, net);
}

static void say_waiting(struct net *net)
{
	if (net->options->json)
		return;
	report_say(net->report, NULL, "waiting", "{s:s, s:s, s:i}", "name", "network", "text",
		   "the network around the instance is looked up", "deadline_s", LOOK_S);
	loop_timer(net->loop, loop_now_ms(net->loop) + TICK_MS, tick, net);
}

static int ask(struct net *net, struct err *err)
{
	const struct options *options = net->options;

	say_waiting(net);
	if (find_instance(net, err) < 0)
		return -1;
	net_sender_start(net);
	net_host_start(net);
	net_mtu_start(net);
	net->flow.has_to = options->to && !ip_parse(options->to, &net->flow.to);
	net->flow.protocol = PROTO_TCP;
	look(net);
	net_host_examine(net);
	net->flow.port = (uint16_t)(options->port	  ? options->port
				    : net->host.sshd_port ? net->host.sshd_port
							  : SSH_PORT);
	return answer(net, err);
}

static int status_of(const struct net_path *path)
{
	return path->verdict == NET_OPEN ? 0 : path->verdict == NET_CLOSED ? 1 : ERR_COULD_NOT_TELL;
}

/* A change shows a while after it was made. What no change could open is not waited for. */
static int look_again(struct net *net, struct err *err)
{
	for (int i = 0; i < LOOKS; i++) {
		bool is_old = false;

		net_look_done(net->ec2, &net->look);
		if (find_instance(net, err) < 0)
			return -1;
		look(net);
		if (answer(net, err) < 0)
			return -1;
		vec_foreach (hop, &net->path.hops)
			is_old |= hop->standing == NET_STOPS && hop->change.kind != NET_NO_CHANGE;
		if (!is_old)
			break;
		net_nap(i);
	}
	return 0;
}

static int run(struct net *net, struct err *err)
{
	bool is_changed = false;

	if (net_check_options(net->options, err) < 0 ||
	    parse_role(net->options, &net->role, err) < 0 ||
	    instance_id_parse(net->options->targets.items[0], &net->id, err) < 0 ||
	    loop_open(&net->loop, err) < 0 ||
	    cloud_open(net->loop, net->options, NULL, NULL, &net->ec2, err) < 0 ||
	    ask(net, err) < 0)
		return -1;
	net_show(net);
	if (!net->options->fix_cloud)
		return status_of(&net->path);
	if (net_fix(net, &is_changed, err) < 0)
		return -1;
	if (is_changed) {
		if (look_again(net, err) < 0)
			return -1;
		net_show(net);
	}
	return status_of(&net->path);
}

int cmd_net(const struct options *options, struct report *report)
{
	struct net net = { .options = options, .report = report };
	struct err err = ERR_INIT;
	int status = run(&net, &err);

	if (net.loop)
		loop_timer(net.loop, -1, tick, &net);
	net_path_done(&net.path);
	net_host_done(&net.host);
	if (net.ec2) {
		net_look_done(net.ec2, &net.look);
		ec2_cancel(net.ec2, &net.own_op);
		ec2_cancel(net.ec2, &net.snapshots_op);
		ec2_cancel(net.ec2, &net.subnets_op);
		ec2_cancel(net.ec2, &net.types_op);
	}
	ec2_own_address_done(&net.own);
	ec2_snapshots_done(&net.snapshots);
	ec2_subnets_done(&net.subnets);
	ec2_instance_types_done(&net.types);
	ec2_instances_done(&net.instances);
	ec2_close(net.ec2);
	loop_close(net.loop);
	if (status >= 0)
		return status;
	report_err(report, NULL, &err);
	return (int)err.code;
}
