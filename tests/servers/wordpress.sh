#!/bin/sh
# Runs one WordPress (Debian's package, with a MariaDB of its own) for tests, on the loopback address.
#
#   wordpress.sh start PORT FOLDER          prints "ready 127.0.0.1:PORT"
#   wordpress.sh post FOLDER AUTHOR TITLE TEXT   publishes an article, prints its number
#   wordpress.sh comment FOLDER NUMBER AUTHOR TEXT   prints the comment's number
#   wordpress.sh edit FOLDER NUMBER TEXT    changes the text of an article
#   wordpress.sh delete FOLDER NUMBER       deletes it for good
#   wordpress.sh stop FOLDER
#   wordpress.sh again PORT FOLDER          starts it again on its data
#   wordpress.sh fetch                      only installs the packages, where it may
#
# Articles are at /?p=NUMBER, an author's page is /?author=NUMBER_OF_AUTHOR (the first author has 1).
set -eu
fail() { echo "wordpress.sh: $*" >&2; exit 1; }

fetch() {
    [ -f /usr/share/wordpress/wp-load.php ] && [ -d /usr/share/wordpress/wp-content/themes/twentytwentythree ] &&
        command -v php >/dev/null && command -v mariadbd >/dev/null && return 0
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || fail "install the Debian packages wordpress, wordpress-theme-twentytwentythree, php-cli, php-mysql, mariadb-server"
    apt-get update -qq >/dev/null 2>&1
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends wordpress wordpress-theme-twentytwentythree \
        php-cli php-mysql mariadb-server >/dev/null 2>&1 || fail "apt-get could not install it"
}

database() { # folder
    mkdir -p "$1/db"
    [ -d "$1/db/mysql" ] || mariadb-install-db --no-defaults --datadir="$1/db" --auth-root-authentication-method=normal --skip-test-db >"$1/log" 2>&1 || fail "no database: $(tail -3 "$1/log")"
    mariadbd --no-defaults --datadir="$1/db" --socket="$1/db.sock" --pid-file="$1/db.pid" --skip-networking --user="$(id -un)" \
        --innodb-buffer-pool-size=32M >>"$1/log" 2>&1 &
    for _ in $(seq 60); do
        mariadb --no-defaults --socket="$1/db.sock" -u root -e "CREATE DATABASE IF NOT EXISTS wordpress" 2>/dev/null && return 0
        sleep 0.5
    done
    fail "the database did not start: $(tail -3 "$1/log")"
}

start() { # port, folder
    fetch
    mkdir -p "$2"
    folder=$(cd "$2" && pwd)
    database "$folder"
    cp -rL /usr/share/wordpress "$folder/www" 2>/dev/null || [ -f "$folder/www/wp-load.php" ] || fail "could not copy /usr/share/wordpress"
    cat >"$folder/www/wp-config.php" <<PHP
<?php
define('DB_NAME', 'wordpress'); define('DB_USER', 'root'); define('DB_PASSWORD', ''); define('DB_HOST', 'localhost:$folder/db.sock');
define('DB_CHARSET', 'utf8mb4'); define('DB_COLLATE', '');
define('WP_HTTP_BLOCK_EXTERNAL', true); define('DISABLE_WP_CRON', true); define('AUTOMATIC_UPDATER_DISABLED', true);
define('WP_HOME', 'http://127.0.0.1:$1'); define('WP_SITEURL', 'http://127.0.0.1:$1');
\$table_prefix = 'wp_';
if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
PHP
    cat >"$folder/do.php" <<'PHP'
<?php
// One act of a test, from the command line.
define('WP_INSTALLING', $argv[1] === 'install');
$_SERVER['HTTP_HOST'] = '127.0.0.1'; $_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1'; $_SERVER['REMOTE_ADDR'] = '127.0.0.1';
require __DIR__ . '/www/wp-load.php';
switch ($argv[1]) {
case 'install':
    require_once ABSPATH . 'wp-admin/includes/upgrade.php';
    wp_install('Musterblatt', 'redaktion', 'redaktion@example.org', true, '', 'test-Password-1', 'de_DE');
    switch_theme('twentytwentythree');
    break;
case 'post':
    $user = username_exists($argv[2]) ?: wp_insert_user(['user_login' => $argv[2], 'user_pass' => 'test-Password-1', 'display_name' => $argv[2], 'role' => 'author', 'description' => 'Profil von ' . $argv[2]]);
    echo wp_insert_post(['post_title' => $argv[3], 'post_content' => $argv[4], 'post_status' => 'publish', 'post_author' => $user]), "\n";
    break;
case 'comment':
    echo wp_insert_comment(['comment_post_ID' => (int)$argv[2], 'comment_author' => $argv[3], 'comment_content' => $argv[4], 'comment_approved' => 1]), "\n";
    break;
case 'edit':
    exit(wp_update_post(['ID' => (int)$argv[2], 'post_content' => $argv[3]]) ? 0 : 1);
case 'delete':
    exit(wp_delete_post((int)$argv[2], true) ? 0 : 1);
}
PHP
    act install >>"$folder/log" 2>&1 || fail "WordPress could not be installed: $(tail -3 "$folder/log")"
    serve "$1"
}

again() { # port, folder
    folder=$(cd "$2" && pwd)
    database "$folder"
    serve "$1"
}

serve() { # port
    # A session of its own, because the workers outlive their parent.
    PHP_CLI_SERVER_WORKERS=4 setsid php -S "127.0.0.1:$1" -t "$folder/www" >>"$folder/log" 2>&1 &
    echo $! >"$folder/web.pid"
    for _ in $(seq 60); do
        curl -fsS -o /dev/null "http://127.0.0.1:$1/" 2>/dev/null && { echo "ready 127.0.0.1:$1"; return 0; }
        sleep 0.5
    done
    fail "it does not answer: $(tail -3 "$folder/log")"
}

act() { php "$folder/do.php" "$@"; }

stop() { # folder
    [ ! -f "$1/web.pid" ] || kill -- "-$(cat "$1/web.pid")" 2>/dev/null || true
    [ -f "$1/db.pid" ] || return 0
    pid=$(cat "$1/db.pid")
    kill "$pid" 2>/dev/null || return 0
    for _ in $(seq 60); do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.5
    done
}

case ${1:-} in
start) start "$2" "$3" ;;
post | comment | edit | delete)
    what=$1 folder=$2
    shift 2
    act "$what" "$@"
    ;;
stop) stop "$2" ;;
again) again "$2" "$3" ;;
fetch) fetch ;;
*) fail "usage: wordpress.sh start PORT FOLDER | post FOLDER AUTHOR TITLE TEXT | comment FOLDER NUMBER AUTHOR TEXT | edit FOLDER NUMBER TEXT | delete FOLDER NUMBER | stop FOLDER | again PORT FOLDER | fetch" ;;
esac
