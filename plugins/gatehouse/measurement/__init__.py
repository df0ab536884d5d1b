"""How well the tables, the risk score and the detections do what they say."""
