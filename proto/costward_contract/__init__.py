"""What the data plane and the operator share: the policy model, its parser, the compiler and the snapshot."""
