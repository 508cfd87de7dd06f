/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The evaluator against the kernel: generated rule sets are loaded by iptables-restore into a
 * network namespace, a client in another one connects, talks and listens, and what it meets must
 * be what was foretold. Needs root. The seed is fixed; SEED and SETS in the environment change it.
 */
#include "base/file.h"
#include "base/proc.h"
#include "checks/iptables_eval.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define WAIT_MS 200

static uint32_t seed = 7;

static uint32_t pick(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

#define PICK(list) list[pick(ARRAY_LEN(list))]

/* --- rule sets ---------------------------------------------------------------------------- */

static void add_conditions(struct str *into, bool is_in)
{
	static const char *const sources[] = {
		" -s 10.0.1.50",
		" -s 10.0.0.0/8",
		" ! -s 10.0.1.0/24",
		" -s 198.51.100.0/24",
		" -s 198.51.100/25",
		" ! -s 198.51.100.7",
		" -s 203.0.113.9",
		" -s 10.0.1.48,10.9.9.9",
		" -d 10.0.1.25",
		" ! -d 10.0.1.25",
		" -d 10.0.0.0/16",
		" -s 0.0.0.0/0",
		" -s 10.0.0.0/255.0.255.0",
		" -m iprange --src-range 198.51.100.1-198.51.100.9",
		" -m iprange ! --src-range 10.0.1.40-10.0.1.60",
	};
	static const char *const ports_in[] = {
		" -p tcp --dport 22",
		" -p tcp -m tcp --dport 22",
		" -p tcp -m tcp ! --dport 22",
		" -p tcp -m tcp --dport 20:30",
		" -p tcp -m tcp --dport 80",
		" -p tcp -m tcp --sport 1024:65535",
		" -p tcp -m tcp --sport 22",
		" -p tcp -m multiport --dports 80,443,ssh",
		" -p tcp -m multiport ! --dports 22,80",
		" -p tcp -m multiport --ports 22",
		" -p udp --dport 22",
		" -p tcp --syn",
		" -p tcp ! --syn",
		" -p tcp -m tcp --tcp-flags SYN,ACK SYN",
		" -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK ACK",
		" -p icmp",
		" -p all",
		" ! -p udp",
	};
	static const char *const ports_out[] = {
		" -p tcp --sport 22",
		" -p tcp -m tcp --dport 1024:",
		" -p tcp -m tcp --dport 22",
		" -p tcp -m tcp --tcp-flags SYN,ACK SYN,ACK",
		" -p udp",
	};
	static const char *const states[] = {
		" -m state --state NEW",
		" -m state --state ESTABLISHED,RELATED",
		" -m conntrack --ctstate NEW,ESTABLISHED",
		" -m conntrack ! --ctstate NEW",
		" -m conntrack --ctstate INVALID",
		" -m conntrack --ctstate UNTRACKED",
		" -m conntrack --ctdir ORIGINAL",
	};
	static const char *const others[] = {
		" -m comment --comment \"a b -j DROP\"",
		" -m addrtype --dst-type LOCAL",
		" -m addrtype --src-type LOCAL",
		" -m mark --mark 0x0",
		" -m mark --mark 0x1/0xff",
		" -m pkttype --pkt-type unicast",
		" -m pkttype --pkt-type broadcast",
		" -f",
		" -m limit --limit 1000/s",
		" -m length --length 40:1500",
	};
	static const char *const ins[] = { " -i eth0", " ! -i eth0", " -i lo",
					   " -i eth+", " -i eth1",   " ! -i lo" };
	static const char *const outs[] = { " -o eth0", " ! -o eth0", " -o lo", " -o eth+" };

	if (pick(3) == 0)
		str_add(into, is_in ? PICK(ins) : PICK(outs));
	if (pick(3) == 0 && is_in)
		str_add(into, PICK(sources));
	if (pick(4))
		str_add(into, is_in ? PICK(ports_in) : PICK(ports_out));
	if (pick(4) == 0)
		str_add(into, PICK(states));
	if (pick(6) == 0)
		str_add(into, PICK(others));
}

static void add_rules(struct str *into, const char *chain, unsigned count, const char *const *below,
		      bool is_in)
{
	static const char *const ends[] = { "ACCEPT", "ACCEPT", "ACCEPT", "DROP",
					    "REJECT", "RETURN", "LOG" };

	for (unsigned i = 0; i < count; i++) {
		str_addf(into, "-A %s", chain);
		add_conditions(into, is_in);
		if (below[0] && pick(3) == 0)
			str_addf(into, " %s %s\n", pick(4) ? "-j" : "-g",
				 below[pick(below[1] ? 2 : 1)]);
		else
			str_addf(into, " -j %s\n", PICK(ends));
	}
}

static void make_rules(struct str *into)
{
	static const char *const none[] = { NULL }, *const two[] = { "ONE", "TWO" },
				 *const one[] = { "TWO", NULL };
	static const char *const nats[] = {
		"-A PREROUTING -p tcp --dport 22 -j REDIRECT --to-ports 2222\n",
		"-A PREROUTING -p tcp --dport 22 -s 10.0.0.0/8 -j REDIRECT --to-ports 2222\n",
		"-A PREROUTING -p tcp --dport 22 -j DNAT --to-destination 10.0.1.25:2200\n",
		"-A PREROUTING -i lo -p tcp --dport 22 -j REDIRECT --to-ports 2222\n",
		"-A PREROUTING -p tcp --dport 22 -j ACCEPT\n-A PREROUTING -p tcp -j REDIRECT\n",
	};
	bool has_policy = pick(2);

	if (pick(4) == 0) {
		str_add(into, "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n");
		str_add(into,
			pick(2) ? "-A PREROUTING -p tcp --dport 22 -j CT --notrack\n"
				  "-A OUTPUT -p tcp --sport 22 -j CT --notrack\n"
				: "-A PREROUTING -s 198.51.100.7 -p tcp --dport 22 -j DROP\n");
		str_add(into, "COMMIT\n");
	}
	if (pick(5) == 0)
		str_addf(into, "*nat\n:PREROUTING ACCEPT [0:0]\n%sCOMMIT\n", PICK(nats));
	if (pick(6) == 0)
		str_add(into,
			"*mangle\n-A PREROUTING -i eth0 -p tcp -m tcp --dport 22 -s 10.0.0.0/8 "
			"-j DROP\nCOMMIT\n");
	str_addf(into, "*filter\n:INPUT %s [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT %s [0:0]\n",
		 has_policy ? "DROP" : "ACCEPT", pick(6) ? "ACCEPT" : "DROP");
	str_add(into, ":ONE - [0:0]\n:TWO - [0:0]\n");
	if (pick(2))
		str_add(into, "-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT\n");
	add_rules(into, "INPUT", 1 + pick(5), two, true);
	add_rules(into, "ONE", 1 + pick(3), one, true);
	add_rules(into, "TWO", pick(3), none, true);
	if (pick(3) == 0)
		add_rules(into, "OUTPUT", 1 + pick(2), none, false);
	if (pick(3) == 0)
		str_add(into, "-A INPUT -j REJECT --reject-with icmp-host-prohibited\n");
	str_add(into, "COMMIT\n");
}

/* --- the two sides ------------------------------------------------------------------------ */

static bool run(const char *const *argv, const char *input)
{
	cleanup(proc_result_done) struct proc_result result = PROC_RESULT_INIT;
	struct err err = ERR_INIT;
	const struct proc_run call = { .argv = argv,
				       .input = input,
				       .input_len = input ? strlen(input) : 0,
				       .deadline_s = 20 };

	if (proc_run(&call, &result, &err) < 0) {
		printf("# %s\n", err.text);
		return false;
	}
	if (result.status)
		printf("# %s: %.200s\n", argv[0], result.errout.s);
	return !result.status;
}

static bool ip(const char *args)
{
	cleanup(free) char *copy = mem_strdup(args);
	const char *argv[24] = { "ip" };
	size_t n = 1;
	char *save = NULL;

	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv[n++] = word;
	return run(argv, NULL);
}

static int listen_on(uint16_t port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 16) < 0)
		return -1;
	return fd;
}

/* Answers one byte to each that comes on port 22 and says one; there is nothing on other ports. */
static void serve(int listener)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		char c;

		if (fd >= 0 && poll(&wait, 1, WAIT_MS) > 0 && read(fd, &c, 1) == 1 &&
		    write(fd, "!", 1) != 1)
			perror("write");
		close(fd);
	}
}

/* The patient: a namespace with eth0 and the rules; commands come through `in`, one rule set
 * prefixed by "n" or "l" for the backend and its length; one byte goes back through `out`. */
static void be_patient(int in, int out)
{
	/* Policies stay when they are not named. */
	static const char empty[] =
		"*raw\nCOMMIT\n*mangle\nCOMMIT\n*nat\nCOMMIT\n*filter\n:INPUT ACCEPT [0:0]\n"
		":OUTPUT ACCEPT [0:0]\nCOMMIT\n";
	static const char *const programs[] = { "iptables-nft-restore", "iptables-legacy-restore" };
	char backend, answer;
	uint32_t len;
	pid_t server;
	int listener;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWNET) < 0 || write(out, "u", 1) != 1 || read(in, &backend, 1) != 1)
		_exit(1);
	answer = ip("link set lo up") && ip("addr add 10.0.1.25/24 dev eth0") &&
				 ip("link set eth0 up") && ip("route add 198.51.100.0/24 dev eth0")
			 ? 'r'
			 : 'x';
	listener = listen_on(22);
	server = fork();
	if (server == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(listener);
	}
	if (write(out, &answer, 1) != 1)
		_exit(1);
	while (read(in, &backend, 1) == 1 && read(in, &len, sizeof(len)) == sizeof(len)) {
		cleanup(free) char *text = mem_alloc(len + 1);
		size_t got = 0;

		while (got < len) {
			ssize_t n = read(in, text + got, len - got);

			if (n <= 0)
				_exit(1);
			got += (size_t)n;
		}
		answer = 'y';
		for (size_t i = 0; i < 2; i++) {
			const char *argv[] = { programs[i], NULL };
			bool is_it = (backend == 'l') == (i == 1);

			if (!run(argv, empty) || (is_it && !run(argv, text)))
				answer = 'n';
		}
		if (write(out, &answer, 1) != 1)
			_exit(1);
	}
	kill(server, SIGKILL);
	_exit(0);
}

/* Connects from `source`, says a byte and waits for the answer. */
static bool reaches(const char *source)
{
	struct sockaddr_in from = { .sin_family = AF_INET },
			   to = { .sin_family = AF_INET, .sin_port = htons(22) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), failure = 0;
	struct pollfd wait = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(failure);
	bool got = false;
	char c;

	inet_pton(AF_INET, source, &from.sin_addr);
	inet_pton(AF_INET, "10.0.1.25", &to.sin_addr);
	if (!bind(fd, (struct sockaddr *)&from, sizeof(from)) &&
	    (!connect(fd, (struct sockaddr *)&to, sizeof(to)) || errno == EINPROGRESS) &&
	    poll(&wait, 1, WAIT_MS) > 0 && !getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &len) &&
	    !failure && write(fd, "?", 1) == 1) {
		wait.events = POLLIN;
		got = poll(&wait, 1, WAIT_MS) > 0 && read(fd, &c, 1) == 1;
	}
	close(fd);
	return got;
}

static enum ipt_verdict foretell(const struct str *text, const char *source)
{
	static const char *const ifaces[] = { "eth0" };
	static const uint16_t port = 22;
	cleanup(ipt_rules_done) struct ipt_rules rules = { 0 };
	struct ip self, client;
	const struct ipt_reading reading = { .text = text->s, .len = text->len };
	const struct ipt_host host = { .addrs = &self,
				       .addr_count = 1,
				       .ifaces = ifaces,
				       .iface_count = 1,
				       .has_all_ifaces = true,
				       .ports = &port,
				       .port_count = 1 };

	if (ip_parse("10.0.1.25", &self) < 0 || ip_parse(source, &client) < 0)
		abort();
	ipt_rules_read(&reading, &rules);
	if (rules.problems.count) {
		printf("# line %u: %s\n", rules.problems.items[0].line,
		       rules.problems.items[0].text);
		return IPT_UNSURE;
	}
	return ipt_ask(&rules, &host, port, &client, NULL);
}

static bool load(int to, int from, char backend, const struct str *text)
{
	uint32_t len = (uint32_t)text->len;
	char answer;

	if (fd_write_all(to, &backend, 1) < 0 || fd_write_all(to, &len, sizeof(len)) < 0 ||
	    fd_write_all(to, text->s, text->len) < 0 || read(from, &answer, 1) != 1)
		return false;
	return answer == 'y';
}

/* Two namespaces joined by a cable: this process and a child. */
static bool make_network(int *to, int *from, pid_t *child)
{
	int commands[2], answers[2];
	cleanup(free) char *cable = NULL;
	char c;

	if (pipe(commands) < 0 || pipe(answers) < 0)
		return false;
	fflush(stdout);
	*child = fork();
	if (*child == 0) {
		close(commands[1]);
		close(answers[0]);
		be_patient(commands[0], answers[1]);
	}
	close(commands[0]);
	close(answers[1]);
	*to = commands[1];
	*from = answers[0];
	cable = mem_printf("link add v0 type veth peer name eth0 netns %d", (int)*child);
	return read(*from, &c, 1) == 1 && unshare(CLONE_NEWNET) == 0 && ip("link set lo up") &&
	       ip(cable) && ip("addr add 10.0.1.50/24 dev v0") &&
	       ip("addr add 198.51.100.7/32 dev v0") && ip("link set v0 up") &&
	       write(*to, "g", 1) == 1 && read(*from, &c, 1) == 1 && c == 'r';
}

static unsigned play(int to, int from, unsigned sets)
{
	static const char *const sources[] = { "10.0.1.50", "198.51.100.7" };
	unsigned failed = 0, certain = 0, open = 0;

	for (unsigned i = 0; i < sets; i++) {
		cleanup(str_done) struct str text = STR_INIT;
		bool ok = true;

		make_rules(&text);
		if (!load(to, from, i % 2 ? 'l' : 'n', &text)) {
			printf("ok %u - rule set %u is not one that loads here\n", i + 1, i);
			printf("# %.*s\n", (int)strcspn(text.s, "\n"), text.s);
			continue;
		}
		for (size_t j = 0; j < ARRAY_LEN(sources); j++) {
			enum ipt_verdict said = foretell(&text, sources[j]);
			bool real;

			if (said == IPT_UNSURE)
				continue;
			real = reaches(sources[j]);
			certain++;
			open += real;
			if (real == (said == IPT_OPEN))
				continue;
			ok = false;
			printf("# from %s: foretold %s, met %s\n", sources[j],
			       said == IPT_OPEN ? "open" : "blocked", real ? "open" : "blocked");
		}
		printf("%sok %u - rule set %u by %s\n", ok ? "" : "not ", i + 1, i,
		       i % 2 ? "legacy" : "nft");
		failed += !ok;
		for (char *save = NULL, *line = ok ? NULL : strtok_r(text.s, "\n", &save); line;
		     line = strtok_r(NULL, "\n", &save))
			printf("#   %s\n", line);
	}
	printf("%sok %u - %u certain verdicts, %u of them open\n",
	       certain >= sets && open > sets / 8 && open < certain - sets / 8 ? "" : "not ",
	       sets + 1, certain, open);
	printf("1..%u\n", sets + 1);
	return failed;
}

int main(void)
{
	const char *sets = getenv("SETS"), *start = getenv("SEED");
	int to = -1, from = -1;
	pid_t child = -1;
	unsigned failed;

	if (start)
		seed = (uint32_t)strtoul(start, NULL, 10);
	if (geteuid() != 0 || !proc_have("iptables-nft-restore") ||
	    !proc_have("iptables-legacy-restore") || !proc_have("ip")) {
		printf("ok 1 - live rule sets # SKIP needs root, ip and both "
		       "iptables-restore\n1..1\n");
		return 0;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	if (!make_network(&to, &from, &child)) {
		printf("ok 1 - live rule sets # SKIP no network namespaces with veth here\n1..1\n");
		kill(child, SIGKILL);
		return 0;
	}
	failed = play(to, from, sets ? (unsigned)strtoul(sets, NULL, 10) : 60);
	close(to);
	waitpid(child, NULL, 0);
	return failed > 0;
}
