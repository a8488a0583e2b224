"""What many runs say together: a leaderboard and a page that explains it. No MindSpore."""
