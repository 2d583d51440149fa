// Command mxmove moves a self-hosted mail domain to a cloud provider.
package main

func main() {}
