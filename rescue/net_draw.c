/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/net.h"

#include <stdio.h>

/* The answer as one event: the path as a drawing, and hop by hop. What came over the network may hold anything. */

static const char *mark_of(const struct net_hop *hop)
{
	static const char *const marks[] = { [NET_PASSES] = "ok  ",
					     [NET_STOPS] = "STOP",
					     [NET_UNTOLD] = " ?  ",
					     [NET_UNSEEN] = " -  " };

	return marks[hop->standing];
}

/* One line of the drawing; what is shown is made harmless where it is shown. */
__attribute__((format(printf, 2, 3))) static void say(struct str *out, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		abort();
	va_end(args);
	for (char *c = text; *c; c++) /* a name in it may hold a line end, too */
		*c = *c == '\n' ? ' ' : *c;
	str_addf(out, "%s\n", text);
	free(text);
}

/* As an operator types it who came here with the same options. */
static void add_command(const struct net *net, const struct net_change *change, struct str *out)
{
	const struct options *o = net->options;

	net_change_command(change, out);
	if (!out->len)
		return;
	if (o->region) {
		str_add(out, " --region ");
		str_add_word(out, o->region);
	}
	if (o->profile) {
		str_add(out, " --profile ");
		str_add_word(out, o->profile);
	}
}

/* Behind the hop that stops it the packet does not come; what is there is said all the same. */
static void draw_hop(const struct net *net, struct str *out, const struct net_hop *hop,
		     bool is_reached)
{
	cleanup(str_done) struct str command = STR_INIT;

	say(out, "  %c %s  %s: %s", is_reached ? '|' : '.', mark_of(hop), hop->place, hop->text);
	if (!hop->remedy)
		return;
	say(out, "  %c         to let it through: %s", is_reached ? '|' : '.', hop->remedy);
	if (hop->change.kind == NET_NO_CHANGE)
		return;
	add_command(net, &hop->change, &command);
	say(out, "  %c           %s", is_reached ? '|' : '.', command.s);
}

static void draw_path(const struct net *net, struct str *out)
{
	const struct net_path *path = &net->path;
	const struct net_hop *stop = net_path_stop(path);
	cleanup(free) char *sender = NULL, *host = NULL;
	bool is_back = false, is_reached = true;
	char from[IP_TEXT_MAX], to[IP_TEXT_MAX];

	ip_text(&path->from, from);
	ip_text(&path->to, to);
	sender = mem_printf("%s%s", from, net->options->from ? "" : " (this machine)");
	host = mem_printf("%s, %s, tcp %u", net->id.s, path->interface ? to : "no address",
			  net->flow.port);
	say(out, "%s", sender);
	vec_foreach (hop, &path->hops) {
		if (hop->leg == NET_BACK && !is_back) {
			say(out, "  %c", is_reached ? 'V' : '.');
			say(out, "%s", host);
			is_back = true;
		}
		draw_hop(net, out, hop, is_reached);
		is_reached &= hop != stop;
	}
	say(out, "  %c", is_reached ? 'V' : '.');
	say(out, "%s", is_back ? sender : host);
}

static void draw_list(const struct net *net, struct str *out)
{
	vec_foreach (hop, &net->path.hops)
		draw_hop(net, out, hop, true);
}

static bool has_unseen(const struct net_path *path)
{
	vec_foreach (hop, &path->hops)
		if (hop->standing == NET_UNSEEN)
			return true;
	return false;
}

/* The answer in one sentence. */
static char *sentence(const struct net *net)
{
	const struct net_path *path = &net->path;
	const struct net_hop *stop = net_path_stop(path);
	const char *limits = has_unseen(path) ? ", as far as is seen" : "";
	char from[IP_TEXT_MAX];

	ip_text(&path->from, from);
	if (stop)
		return mem_printf("%s: %s", stop->place, stop->text);
	if (path->verdict == NET_UNKNOWN)
		vec_foreach (hop, &path->hops)
			if (hop->standing == NET_UNTOLD)
				return mem_printf("it cannot be told: %s: %s", hop->place,
						  hop->text);
	if (net->role == NET_ROLE_NAT)
		return mem_printf(
			net->host.is_examined
				? "%s translates for its private subnets, by the cloud and "
				  "by its volume"
				: "the cloud lets %s translate for its private subnets",
			net->id.s);
	if (net->role == NET_ROLE_MTU)
		return mem_printf("no packet is lost for its size%s", limits);
	return mem_printf("tcp %u from %s gets to %s and its answer back%s", net->flow.port, from,
			  net->id.s, limits);
}

static const char *verdict_name(const struct net_path *path)
{
	static const char *const names[] = {
		[NET_OPEN] = "open", [NET_CLOSED] = "closed", [NET_UNKNOWN] = "could-not-tell"
	};

	return names[path->verdict];
}

static void draw(const struct net *net, const char *text, struct str *out)
{
	(net->role == NET_ROLE_HOST ? draw_path : draw_list)(net, out);
	say(out, "%s", "");
	say(out, "%s: %s", verdict_name(&net->path), text);
}

/* ---- JSON */

static json_t *hop_json(const struct net *net, const struct net_hop *hop)
{
	static const char *const names[] = { [NET_PASSES] = "passes",
					     [NET_STOPS] = "stops",
					     [NET_UNTOLD] = "could-not-tell",
					     [NET_UNSEEN] = "not-seen" };
	cleanup(str_done) struct str command = STR_INIT;

	add_command(net, &hop->change, &command);
	return json_pack("{s:s, s:s, s:s, s:s, s:s*, s:s*}", "leg",
			 hop->leg == NET_THERE ? "there" : "back", "standing", names[hop->standing],
			 "place", hop->place, "text", hop->text, "remedy", hop->remedy, "command",
			 command.len ? command.s : NULL);
}

void net_show(const struct net *net)
{
	static const char *const roles[] = {
		[NET_ROLE_HOST] = "host", [NET_ROLE_NAT] = "nat", [NET_ROLE_MTU] = "mtu"
	};
	const struct net_path *path = &net->path;
	cleanup(free) char *text = sentence(net);
	cleanup(str_done) struct str drawing = STR_INIT;
	json_t *hops = json_array();
	char from[IP_TEXT_MAX] = "", to[IP_TEXT_MAX];

	vec_foreach (hop, &path->hops)
		json_array_append_new(hops, hop_json(net, hop));
	ip_text(&path->from, from);
	ip_text(&path->to, to);
	draw(net, text, &drawing);
	report_say(net->report, NULL, "net", "{s:s, s:s, s:s*, s:s*, s:i, s:s, s:s, s:o, s:s}",
		   "instance", net->id.s, "role", roles[net->role], "from",
		   net->has_from ? from : NULL, "to", path->interface ? to : NULL, "port",
		   (int)net->flow.port, "verdict", verdict_name(path), "text", text, "hops", hops,
		   "drawing", drawing.s);
}
