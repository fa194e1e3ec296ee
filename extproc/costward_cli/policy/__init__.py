"""What a policy means for one caller: the decisions of the data plane's own functions, told before anything runs."""
