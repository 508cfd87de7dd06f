/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "ec2/when.h"
#include "rescue/inventory.h"
#include "rescue/net.h"
#include "rescue/snapshot_source.h"

/* The host as its newest snapshot shows it: nothing is stopped, and none is made for it. */

static const struct ec2_device *root_of(const struct ec2_instance *i)
{
	vec_foreach (d, &i->devices)
		if (i->root_device_name && d->device_name &&
		    str_eq(d->device_name, i->root_device_name) && !id_none(&d->volume))
			return d;
	return NULL;
}

static const struct ec2_snapshot *newest(const struct ec2_snapshots *snapshots)
{
	const struct ec2_snapshot *best = NULL;

	vec_foreach (s, snapshots)
		if (s->status == SNAPSHOT_COMPLETED && (!best || s->start_time > best->start_time))
			best = s;
	return best;
}

static char *text_of(const json_t *event, const char *name)
{
	return mem_strdup(json_string_value(json_object_get(event, name)) ?: "");
}

static char *rows_of(const char *name)
{
	const struct check *check = check_find(name);

	return mem_strdup(check ? check->rows : "");
}

/* Findings are kept; what the examination says of itself is not wanted here. */
static void take_event(struct local *local, json_t *event)
{
	struct net_host *host = local->arg;
	const char *kind = json_string_value(json_object_get(event, "event"));
	const char *severity = json_string_value(json_object_get(event, "severity"));
	struct net_fault fault = { 0 };

	if (kind && str_eq(kind, "could_not_tell")) {
		fault.check = text_of(event, "check");
		fault.message = text_of(event, "message");
		fault.place = mem_strdup("the volume");
		fault.rows = rows_of(fault.check);
		fault.is_untold = true;
		vec_push(&host->faults, fault);
	}
	if (kind && str_eq(kind, "finding") && severity && !str_eq(severity, "note")) {
		cleanup(free) char *path = text_of(event, "path");
		cleanup(free) char *class = text_of(event, "class");
		json_int_t line = json_integer_value(json_object_get(event, "line"));

		fault.check = text_of(event, "check");
		fault.message = text_of(event, "message");
		fault.place = line	? mem_printf("%s:%lld", path, (long long)line)
			      : path[0] ? TAKE(path)
					: mem_strdup("the volume");
		fault.rows = text_of(event, "rows");
		fault.blocks = str_starts(severity, "blocks-");
		fault.blocks_boot = str_eq(severity, "blocks-boot");
		fault.is_repairable = json_is_true(json_object_get(event, "repairable"));
		fault.is_offered = str_eq(class, "offered");
		vec_push(&host->faults, fault);
	}
	json_decref(event);
}

/* What the checks may know of the cloud. */
static void facts_of(struct net *net, struct cloud_facts *ret)
{
	bool has_own = ec2_is_begun(&net->subnets_op);
	const struct patient patient = { .id = net->id, .instance = net->instance };
	struct inventory inv = { .vpcs = net->look.world.vpcs };
	struct err ignored = ERR_INIT;

	if (has_own)
		(void)!ec2_wait(net->ec2, &net->subnets_op, &ignored);
	inv.subnets = has_own ? net->subnets : net->look.world.subnets;
	cloud_facts_of(&inv, &patient, ret);
}

static int examine(struct net *net, const struct snapshot_id *snapshot, struct err *err)
{
	struct snapshot_source source = { .snapshot = *snapshot };
	struct options options = *net->options;
	struct local local = { .options = &options,
			       .report = net->report,
			       .event = take_event,
			       .source = &source,
			       .arg = &net->host };
	cleanup(cloud_facts_done) struct cloud_facts facts = { 0 };
	struct surgery_job job = { .mode = SURGERY_AUDIT, .cloud = &facts };
	char from[IP_TEXT_MAX];

	/* What a NAT instance has to have is what would be set up. */
	options.setup_nat = net->role == NET_ROLE_NAT ? "vpc" : NULL;
	if (net->has_from && net->role == NET_ROLE_HOST) {
		ip_text(&net->flow.from, from);
		job.client = (struct wanted_client){ from, net->options->port };
	}
	facts_of(net, &facts);
	if (local_surgery(&local, &job, err) < 0) {
		if (source.why.code)
			*err = source.why;
		return -1;
	}
	net->host.sshd_port = local.result.ssh_port;
	net->host.mtu = local.result.mtu;
	return 0;
}

/* The checks want them, where there is something to examine. */
static void ask_subnets(struct ec2_op *op)
{
	struct net *net = op->arg;
	VEC(const char *) ids = { 0 };

	vec_foreach (i, &net->instance->interfaces)
		if (i->subnet)
			vec_push(&ids, i->subnet);
	if (ids.count && newest(&net->snapshots) && net->role == NET_ROLE_HOST)
		ec2_describe_subnets(
			net->ec2, &(struct ec2_describe){ .ids = ids.items, .id_count = ids.count },
			&net->subnets, &net->subnets_op);
	vec_done(&ids);
}

/* A newest one is asked for, not made: EC2 bills snapshots, and the question is read-only. */
void net_host_start(struct net *net)
{
	const struct ec2_device *root = root_of(net->instance);
	const char *volume = root ? root->volume.s : "";
	const struct ec2_filter filter = { "volume-id", &volume, 1 };

	net->snapshots_op = (struct ec2_op){ .done = ask_subnets, .arg = net };
	if (root && !net->options->no_volume)
		ec2_describe_snapshots(
			net->ec2, &(struct ec2_describe){ .filters = &filter, .filter_count = 1 },
			&net->snapshots, &net->snapshots_op);
}

static const struct ec2_snapshot *find_snapshot(struct net *net, struct err *err)
{
	const struct ec2_device *root = root_of(net->instance);
	const struct ec2_snapshot *ret;

	if (!root) {
		err_set(err, ERR_NOTFOUND, "its root volume is not attached");
		return NULL;
	}
	if (ec2_wait(net->ec2, &net->snapshots_op, err) < 0)
		return NULL;
	ret = newest(&net->snapshots);
	if (!ret)
		err_set(err, ERR_NOTFOUND,
			"there is no snapshot of %s; `ec2-rescue audit %s` makes one for a look",
			root->volume.s, net->id.s);
	return ret;
}

void net_host_examine(struct net *net)
{
	const struct ec2_snapshot *snapshot;
	struct err err = ERR_INIT;
	char at[21];

	if (net->options->no_volume) {
		net->host.source = mem_strdup("--no-volume");
		return;
	}
	snapshot = find_snapshot(net, &err);
	if (!snapshot || examine(net, &snapshot->id, &err) < 0) {
		net->host.source = mem_strdup(err.text);
		return;
	}
	net->host.is_examined = true;
	when_iso8601(snapshot->start_time, at);
	net->host.source = mem_printf("%s of %s", snapshot->id.s, at);
}

void net_host_done(struct net_host *host)
{
	free(host->source);
	vec_foreach (f, &host->faults) {
		free(f->check);
		free(f->message);
		free(f->place);
		free(f->rows);
	}
	vec_done(&host->faults);
}

/* ---- in the path */

/* Behind the hop of the instance itself: the answer comes after it. */
static void insert(struct net_path *path, const struct net_hop *hop)
{
	size_t at = 0;

	while (at < path->hops.count && path->hops.items[at].leg == NET_THERE)
		at++;
	vec_push(&path->hops, *hop);
	memmove(&path->hops.items[at + 1], &path->hops.items[at],
		(path->hops.count - 1 - at) * sizeof(*hop));
	path->hops.items[at] = *hop;
}

static bool is_up(const struct net_path *path)
{
	vec_foreach (hop, &path->hops)
		if (hop->is_of_instance && hop->standing == NET_STOPS)
			return false;
	return path->interface;
}

static char *remedy_of(const struct net *net, const struct net_fault *f)
{
	if (!f->is_repairable)
		return mem_strdup("it has to be mended by hand");
	if (str_eq(f->check, "nat-setup"))
		return mem_printf("`ec2-rescue --setup-nat vpc %s` repairs it", net->id.s);
	if (f->is_offered)
		return mem_printf("`ec2-rescue --fix %s %s` repairs it", f->check, net->id.s);
	return mem_printf("`ec2-rescue %s` repairs it", net->id.s);
}

static struct net_hop hop_of(const struct net *net, const struct net_fault *f,
			     enum net_standing if_untold)
{
	return (struct net_hop){ .leg = NET_THERE,
				 .standing = f->is_untold ? if_untold : NET_STOPS,
				 .place = mem_strdup(f->place),
				 .text = mem_printf("%s (%s)", f->message, f->check),
				 .remedy = f->is_untold ? NULL : remedy_of(net, f),
				 .is_of_host = true };
}

/* What keeps everybody out keeps out this client. */
static bool is_said(const struct net_host *host, const struct net_fault *fault)
{
	if (!str_eq(fault->check, "client-blocked"))
		return false;
	vec_foreach (f, &host->faults)
		if (f != fault && f->blocks && str_eq(f->place, fault->place))
			return true;
	return false;
}

/* Rows of the guest's network and of the NAT role. A host that nobody gets into, by sshd or by its firewall, translates;
 * what is the cloud's is a hop of its own. */
static bool is_of_nat(const char *rows)
{
	enum { NETWORK = 109, RESOLVER = 117, NETWORK_END = 122 };
	enum { NAT = 127, SOURCE_CHECK = 133, ROUTES = 134, NAT_END = 136 };

	for (const char *at = rows; *at; at += strcspn(at, ","), at += *at == ',') {
		unsigned long row = strtoul(at, NULL, 10);

		if ((row >= NETWORK && row < NETWORK_END && row != RESOLVER) ||
		    (row >= NAT && row < NAT_END && row != SOURCE_CHECK && row != ROUTES))
			return true;
	}
	return false;
}

static bool is_in_the_way(const struct net *net, const struct net_fault *f)
{
	if (net->role == NET_ROLE_MTU)
		return str_eq(f->check, "mtu");
	return f->blocks_boot || is_of_nat(f->rows);
}

static char *told_of(const struct net *net, size_t faults, size_t others)
{
	const struct net_host *host = &net->host;

	if (!host->is_examined)
		return mem_printf("was not examined: %s", host->source);
	if (faults)
		return mem_printf("was examined by %s: see above", host->source);
	if (!others)
		return mem_printf("was examined by %s: no fault was found", host->source);
	return mem_printf("was examined by %s: nothing in the way was found; of what else it has, "
			  "tells `ec2-rescue audit %s`",
			  host->source, net->id.s);
}

void net_host_list(struct net *net)
{
	const struct net_host *host = &net->host;
	size_t faults = 0;

	vec_foreach (f, &host->faults) {
		if (!is_in_the_way(net, f))
			continue;
		faults++;
		vec_push(&net->path.hops, hop_of(net, f, NET_UNTOLD));
	}
	net_hop_add(&net->path, NET_THERE, host->is_examined ? NET_PASSES : NET_UNSEEN,
		    mem_strdup("the host"), told_of(net, faults, host->faults.count - faults));
}

void net_host_add(struct net *net)
{
	const struct net_host *host = &net->host;
	struct net_path *path = &net->path;
	uint32_t port = net->flow.port;
	struct net_hop hop = { .leg = NET_THERE, .standing = NET_UNSEEN, .is_of_host = true };
	bool is_ssh = host->sshd_port && host->sshd_port == port;

	if (!is_up(path))
		return;
	if (!host->is_examined) {
		hop.place = mem_strdup("the host");
		hop.text = mem_printf("was not examined: %s", host->source);
		insert(path, &hop);
		return;
	}
	vec_foreach (f, &host->faults) {
		struct net_hop fault;

		if ((!f->blocks && !f->is_untold) || is_said(host, f))
			continue;
		fault = hop_of(net, f, NET_UNSEEN);
		insert(path, &fault);
	}
	hop.standing = is_ssh || !host->sshd_port ? NET_PASSES : NET_UNSEEN;
	hop.place = mem_printf("the host, by %s", host->source);
	hop.text = is_ssh ? mem_printf("sshd listens on port %u", port)
		   : host->sshd_port
			   ? mem_printf("sshd listens on port %u, not on %u; what listens there is "
					"not known",
					host->sshd_port, port)
			   : mem_strdup("on which port sshd listens is not known");
	insert(path, &hop);
}
