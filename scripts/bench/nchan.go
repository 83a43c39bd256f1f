//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const nchanModule = "/usr/lib/nginx/modules/ngx_nchan_module.so"

// installNchan gets nginx and Nchan from Debian's packages, if they are not here.
func installNchan(ctx context.Context) error {
	if _, err := exec.LookPath("nginx"); err == nil {
		if _, err := os.Stat(nchanModule); err == nil {
			return nil
		}
	}
	if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
		return fmt.Errorf("no nginx with Nchan here: install nginx and libnginx-mod-nchan, or run as root on Debian or Ubuntu")
	}
	fmt.Fprintln(os.Stderr, "bench: apt-get install nginx libnginx-mod-nchan")
	for _, args := range [][]string{{"update", "-qq"}, {"install", "-y", "-qq", "--no-install-recommends", "nginx", "libnginx-mod-nchan"}} {
		c := exec.CommandContext(ctx, "apt-get", args...)
		c.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if text, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, text)
		}
	}
	return nil
}

// nchanConfig has a worker write nothing but to its browsers.
const nchanConfig = `load_module %[1]s;
daemon off;
pid %[2]s/nginx.pid;
error_log stderr error;
worker_processes %[3]d;
worker_rlimit_nofile 20000;
events { worker_connections 19900; }
http {
	access_log off;
	keepalive_timeout 10m;
	keepalive_requests 1000000;
	client_body_temp_path %[2]s/body; proxy_temp_path %[2]s/proxy; fastcgi_temp_path %[2]s/fastcgi; uwsgi_temp_path %[2]s/uwsgi; scgi_temp_path %[2]s/scgi;
	nchan_shared_memory_size 512M;
	default_type application/json;
	server {
		listen %[4]s reuseport backlog=4096;
		location = /start { return 201 '%[5]s'; }
		location = /wait {
			nchan_subscriber %[6]s;
			nchan_channel_id $arg_stream;
			nchan_subscriber_first_message newest;
			nchan_subscriber_timeout 10m;
		}
		location = /pub {
			nchan_publisher http;
			nchan_channel_id $arg_stream;
			nchan_message_timeout 1m;
			nchan_message_buffer_length 1;
		}
		location = /status { nchan_stub_status; }
	}
}
`

// nchan starts nginx with so many workers. way is longpoll or eventsource. nginx cannot
// be told to take any port, so one is looked for.
func (f *family) nchan(ctx context.Context, way string, workers int) (*server, error) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := free.Addr().String()
	free.Close()
	dir, err := os.MkdirTemp(f.dir, "nginx-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(f.dir, 0o755); err != nil { // its workers are another user's
		return nil, err
	}
	config := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(nchanConfig, nchanModule, dir, workers, addr, startAnswer, way)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	// SIGTERM, since SIGKILL would leave the workers behind.
	p, err := f.start("nchan", syscall.SIGTERM, nil, nil, "nginx", "-c", config)
	if err != nil {
		return nil, err
	}
	s := &server{process: p, addr: addr, admin: "http://" + addr + "/status", nginx: true}
	for range 100 {
		if _, err = s.waiting(ctx); err == nil {
			return s, nil
		}
		select {
		case <-p.done:
			text, _ := os.ReadFile(p.log)
			return nil, fmt.Errorf("nginx ended at once: %s", text)
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil, err
}

// readSubscribers reads nchan_stub_status.
func readSubscribers(status string) (int, error) {
	for line := range strings.SplitSeq(status, "\n") {
		if value, ok := strings.CutPrefix(line, "subscribers:"); ok {
			return strconv.Atoi(strings.TrimSpace(value))
		}
	}
	return 0, fmt.Errorf("nchan_stub_status has no subscribers")
}
