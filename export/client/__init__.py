"""A client of TensorFlow Serving, by gRPC or REST: checked requests and answers, retries, deadlines, many at once."""
