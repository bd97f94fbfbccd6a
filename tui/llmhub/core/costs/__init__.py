"""What a turn and a month cost: power, with the machine, and in the cloud."""
