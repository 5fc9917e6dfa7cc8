"""What venues say and mean, without sockets: bytes in, EVENT rows and wanted actions out."""
