package config_test

import (
	"path/filepath"
	"reflect"
	"testing"

	"github.com/mxmove/mxmove/migrate/config"
)

func TestPublishers(t *testing.T) {
	t.Parallel()
	token := &config.Token{Token: config.Secret{Env: "T"}}
	tests := []struct {
		text string
		want func(dir string) config.Publisher
	}{
		{`cloudflare: {token: {env: T}}`, func(string) config.Publisher { return config.Publisher{Cloudflare: token} }},
		{`desec: {token: {env: T}}`, func(string) config.Publisher { return config.Publisher{DeSEC: token} }},
		{`digitalocean: {token: {env: T}}`, func(string) config.Publisher { return config.Publisher{DigitalOcean: token} }},
		{`gandi: {token: {env: T}}`, func(string) config.Publisher { return config.Publisher{Gandi: token} }},
		{`hetzner: {token: {env: T}}`, func(string) config.Publisher { return config.Publisher{Hetzner: token} }},
		{`manual: {}`, func(string) config.Publisher { return config.Publisher{Manual: &config.Manual{}} }},
		{`manual: {ttl_floor: 3600}`, func(string) config.Publisher { return config.Publisher{Manual: &config.Manual{TTLFloor: 3600}} }},
		{`file: {path: example.org.zone, zones: {example.net: /etc/bind/net}}`, func(dir string) config.Publisher {
			return config.Publisher{File: &config.ZoneFile{Path: filepath.Join(dir, "example.org.zone"), Zones: map[string]string{"example.net": "/etc/bind/net"}}}
		}},
		{`ovh: {application_key: k, application_secret: {env: A}, consumer_key: {env: B}}`, func(string) config.Publisher {
			return config.Publisher{OVH: &config.OVH{Endpoint: "ovh-eu", ApplicationKey: "k", ApplicationSecret: config.Secret{Env: "A"}, ConsumerKey: config.Secret{Env: "B"}}}
		}},
		{`route53: {access_key: {env: A}, secret_key: {env: B}, session_token: {env: C}, zones: {Example.org: Z1}}`, func(string) config.Publisher {
			return config.Publisher{Route53: &config.Route53{
				AccessKey: config.Secret{Env: "A"}, SecretKey: config.Secret{Env: "B"}, SessionToken: config.Secret{Env: "C"},
				Zones: map[string]string{"example.org": "Z1"},
			}}
		}},
		{`route53: {credentials: {command: [aws, configure, export-credentials]}}`, func(string) config.Publisher {
			return config.Publisher{Route53: &config.Route53{Credentials: config.Secret{Command: []string{"aws", "configure", "export-credentials"}}}}
		}},
	}
	for _, tt := range tests {
		file := write(t, config.File, "domain: example.org\nprovider: google\ndns:\n  publisher:\n    "+tt.text+"\n")
		c, err := config.Load(file)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if want := tt.want(c.Dir); !reflect.DeepEqual(c.DNS.Publisher, want) {
			t.Errorf("%s = %+v, want %+v", tt.text, c.DNS.Publisher, want)
		}
		if err := c.Require("dns.publisher"); err != nil {
			t.Errorf("%s: %v", tt.text, err)
		}
	}
}
