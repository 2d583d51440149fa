// Command mxmove moves a self-hosted mail domain to a cloud provider: it plans
// the DNS, copies the mailboxes, switches the MX when it is safe, and proves
// DMARC alignment afterward.
package main

import (
	"os"
)

func main() {
	os.Exit(run(os.Args[1:], newTerm(os.Stdin, os.Stdout, os.Stderr)))
}
