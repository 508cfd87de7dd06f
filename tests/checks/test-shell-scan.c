/* SPDX-License-Identifier: GPL-2.0-or-later */
/* checks/shell_scan: what a script runs in any case, whether it ends, whether it switches off. */
#include "checks/shell_scan.h"
#include "tests/unit/unit.h"

static const struct {
	const char *script;
	unsigned reboot_line; /* 0: not in any case, or not soon */
	enum shell_end end;
} rows[] = {
	{ "reboot\n", 1, SHELL_ENDS },
	{ "#!/bin/sh\n# reboot\necho reboot 'reboot'\n", 0, SHELL_ENDS },
	{ "x=1\n/sbin/shutdown -r now # go\n", 2, SHELL_ENDS },
	{ "shutdown -h +480\n", 0, SHELL_ENDS },
	{ "shutdown -h 20:00\n", 0, SHELL_ENDS },
	{ "shutdown -P +1 'bye'\n", 1, SHELL_ENDS },
	{ "shutdown -c\n", 0, SHELL_ENDS },
	{ "sleep 30; sudo systemctl --force reboot\n", 1, SHELL_ENDS },
	{ "sleep 2h; poweroff\n", 0, SHELL_NEVER },
	{ "(sleep 60; reboot) &\n", 1, SHELL_ENDS },
	{ "init 6\n", 1, SHELL_ENDS },
	{ "init 3\n", 0, SHELL_ENDS },
	{ "/etc/init.d/x restart\nsystemctl isolate rescue.target\n", 2, SHELL_ENDS },
	{ "systemctl restart reboot-notifier\n", 0, SHELL_ENDS },
	{ "if [ ! -f /done ]; then\ntouch /done\nreboot\nfi\n", 0, SHELL_ENDS },
	{ "if true; then :; fi\nreboot\n", 2, SHELL_ENDS },
	{ "[ -f /done ] || reboot\n", 0, SHELL_ENDS },
	{ "[ -f /done ] && exit 0\nreboot\n", 0, SHELL_ENDS },
	{ "[ -f /done ] &&\nreboot\n", 0, SHELL_ENDS },
	{ "[ -f /x ] && { echo; reboot; }\n", 0, SHELL_ENDS },
	{ "{ echo; reboot; }\n", 1, SHELL_ENDS },
	{ "f() { reboot; }\necho\n", 0, SHELL_ENDS },
	{ "function f {\nreturn 1\n}\nreboot\n", 4, SHELL_ENDS },
	{ "case $1 in start) reboot;; esac\n", 0, SHELL_ENDS },
	{ "for i in 1 2; do reboot; done\npoweroff\n", 2, SHELL_ENDS },
	{ "cat <<EOF\nreboot\nEOF\ntrue\n", 0, SHELL_ENDS },
	{ "cat <<-'EOF' > /x\nreboot\n\tEOF\nhalt\n", 4, SHELL_ENDS },
	{ "exec > >(tee /var/log/user-data.log|logger -t x) 2>&1\nreboot\n", 2, SHELL_ENDS },
	{ "x=$(reboot)\ny=`reboot`\n", 0, SHELL_ENDS },
	{ "echo \"a\nb\" && :\nreboot >/dev/null 2>&1\n", 3, SHELL_ENDS },
	{ "exit 0\nreboot\n", 0, SHELL_ENDS },
	{ "bash -c 'sleep 1; reboot'\n", 1, SHELL_ENDS },
	{ "nohup sudo -n reboot -f &\n", 1, SHELL_ENDS },
	{ "while true; do sleep 5; done\n", 0, SHELL_NEVER },
	{ "while :\ndo\n\techo x\n\tsleep 1\ndone\n", 0, SHELL_NEVER },
	{ "while true; do x && break; sleep 1; done\n", 0, SHELL_ENDS },
	{ "while true; do sleep 5; done &\necho\n", 0, SHELL_ENDS },
	{ "while [ 1 ]; do sleep 5; done\n", 0, SHELL_NEVER },
	{ "until false; do sleep 5; done\n", 0, SHELL_NEVER },
	{ "until ping -c1 8.8.8.8 >/dev/null; do sleep 1; done\n", 0, SHELL_NEEDS_NETWORK },
	{ "while ! curl -sf http://db:80/; do\nsleep 1\ndone\n", 0, SHELL_NEEDS_NETWORK },
	{ "n=0\nuntil nc -z db 22; do n=$((n+1)); [ $n -gt 9 ] && break; done\n", 0, SHELL_ENDS },
	{ "until [ -f /x ]; do sleep 1; done\n", 0, SHELL_ENDS },
	{ "if x; then while true; do :; done; fi\n", 0, SHELL_ENDS },
	{ "[ -f /x ] && exit\nwhile true; do sleep 1; done\n", 0, SHELL_ENDS },
	{ "sleep infinity\n", 0, SHELL_NEVER },
	{ "exec sleep 1d\n", 0, SHELL_NEVER },
	{ "sleep infinity &\n", 0, SHELL_ENDS },
	{ "sleep $DELAY\n", 0, SHELL_ENDS },
	{ "tail -f /dev/null\n", 0, SHELL_NEVER },
	{ "tail -n 5 /var/log/x\n", 0, SHELL_ENDS },
	{ "ping -c 3 host; ping host\n", 0, SHELL_NEVER },
	{ "/usr/bin/env FOO=1 nice -n 5 sleep inf\n", 0, SHELL_NEVER },
	{ "timeout 5 sleep infinity\n", 0, SHELL_ENDS },
	{ "((((((\n", 0, SHELL_ENDS },
	{ "done fi esac } ) ;; & | && || < > << \n", 0, SHELL_ENDS },
};

static void scripts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup(shell_script_done) struct shell_script script = { 0 };
		const struct shell_command *reboot;
		enum shell_end end;

		shell_scan(rows[i].script, strlen(rows[i].script), &script);
		reboot = shell_script_reboot(&script, 300);
		end = shell_script_end(&script, NULL);
		if ((reboot ? reboot->line : 0) != rows[i].reboot_line || end != rows[i].end)
			print_error("%s: reboot in line %u, end %u\n", rows[i].script,
				    reboot ? reboot->line : 0, end);
		assert_int_equal(reboot ? reboot->line : 0, rows[i].reboot_line);
		assert_int_equal(end, rows[i].end);
	}
}

/* Deep and long texts end in time and in memory. */
static void hostile(void **state)
{
	static const char *const pieces[] = { "(",  "$(", "{ ",	  "if ", "while true; do ",
					      "a;", "\"", "<<x\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		cleanup(shell_script_done) struct shell_script script = { 0 };
		cleanup(str_done) struct str text = STR_INIT;

		while (text.len < 200000)
			str_add(&text, pieces[i]);
		shell_scan(text.s, text.len, &script);
		assert_null(shell_script_reboot(&script, 300));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(scripts), cmocka_unit_test(hostile) };

	return cmocka_run_group_tests_name("shell-scan", tests, NULL, NULL);
}
