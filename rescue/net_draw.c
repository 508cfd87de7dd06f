/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/net.h"

#include <stdio.h>

/* Results go to stdout: the path as a drawing, or one JSON object. What came over the network may hold anything. */

static const char *mark_of(const struct net_hop *hop)
{
	static const char *const marks[] = { [NET_PASSES] = "ok  ",
					     [NET_STOPS] = "STOP",
					     [NET_UNTOLD] = " ?  ",
					     [NET_UNSEEN] = " -  " };

	return marks[hop->standing];
}

static void print_line(const struct str *line)
{
	cleanup(str_done) struct str shown = STR_INIT;

	str_add_escaped(&shown, line->s, line->len);
	puts(shown.s);
}

__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...)
{
	cleanup(str_done) struct str line = STR_INIT;
	va_list args;
	char *text;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		abort();
	va_end(args);
	str_add(&line, text);
	free(text);
	print_line(&line);
}

/* Behind the hop that stops it the packet does not come; what is there is said all the same. */
static void draw_hop(const struct net_hop *hop, bool is_reached)
{
	cleanup(str_done) struct str command = STR_INIT;

	say("  %c %s  %s: %s", is_reached ? '|' : '.', mark_of(hop), hop->place, hop->text);
	if (!hop->remedy)
		return;
	say("  %c         to let it through: %s", is_reached ? '|' : '.', hop->remedy);
	if (hop->change.kind == NET_NO_CHANGE)
		return;
	net_change_command(&hop->change, &command);
	say("  %c           %s", is_reached ? '|' : '.', command.s);
}

static void draw_path(const struct net *net)
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
	say("%s", sender);
	vec_foreach (hop, &path->hops) {
		if (hop->leg == NET_BACK && !is_back) {
			say("  %c", is_reached ? 'V' : '.');
			say("%s", host);
			is_back = true;
		}
		draw_hop(hop, is_reached);
		is_reached &= hop != stop;
	}
	say("  %c", is_reached ? 'V' : '.');
	say("%s", is_back ? sender : host);
}

static void draw_list(const struct net *net)
{
	vec_foreach (hop, &net->path.hops)
		draw_hop(hop, true);
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
		return mem_strdup("no packet is lost for its size");
	return mem_printf("tcp %u from %s gets to %s and its answer back%s", net->flow.port, from,
			  net->id.s, has_unseen(path) ? ", as far as is seen" : "");
}

static const char *verdict_name(const struct net_path *path)
{
	static const char *const names[] = {
		[NET_OPEN] = "open", [NET_CLOSED] = "closed", [NET_UNKNOWN] = "could-not-tell"
	};

	return names[path->verdict];
}

void net_draw(const struct net *net)
{
	cleanup(free) char *text = sentence(net);

	if (net->role == NET_ROLE_HOST)
		draw_path(net);
	else
		draw_list(net);
	puts("");
	say("%s: %s", verdict_name(&net->path), text);
}

/* ---- JSON */

static json_t *hop_json(const struct net_hop *hop)
{
	static const char *const names[] = { [NET_PASSES] = "passes",
					     [NET_STOPS] = "stops",
					     [NET_UNTOLD] = "could-not-tell",
					     [NET_UNSEEN] = "not-seen" };
	cleanup(str_done) struct str command = STR_INIT;

	net_change_command(&hop->change, &command);
	return json_pack("{s:s, s:s, s:s, s:s, s:s*, s:s*}", "leg",
			 hop->leg == NET_THERE ? "there" : "back", "standing", names[hop->standing],
			 "place", hop->place, "text", hop->text, "remedy", hop->remedy, "command",
			 command.len ? command.s : NULL);
}

void net_print_json(const struct net *net)
{
	static const char *const roles[] = {
		[NET_ROLE_HOST] = "host", [NET_ROLE_NAT] = "nat", [NET_ROLE_MTU] = "mtu"
	};
	const struct net_path *path = &net->path;
	cleanup(free) char *said = sentence(net), *text = NULL;
	cleanup(str_done) struct str shown = STR_INIT;
	json_t *hops = json_array(), *json;
	char from[IP_TEXT_MAX] = "", to[IP_TEXT_MAX];

	vec_foreach (hop, &path->hops)
		json_array_append_new(hops, hop_json(hop));
	ip_text(&path->from, from);
	ip_text(&path->to, to);
	json = json_pack("{s:s, s:s, s:s, s:s*, s:s*, s:i, s:s, s:s, s:o}", "event", "net",
			 "instance", net->id.s, "role", roles[net->role], "from",
			 net->has_from ? from : NULL, "to", path->interface ? to : NULL, "port",
			 (int)net->flow.port, "verdict", verdict_name(path), "text", said, "hops",
			 hops);
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	str_add_json_shown(&shown, text ?: "{}");
	puts(shown.s);
}
