"""The HTTP edge: sockets, signatures, encodings and AWS's way of laying DynamoDB over HTTP."""
